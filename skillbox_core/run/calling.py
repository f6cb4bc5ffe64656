"""A call, as it is carried out in a sandbox: its templates expanded over the input and the input files. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace

from skillbox_core.base.expansion import Given, expand_arguments, expand_text
from skillbox_core.models import Call
from skillbox_core.sandbox.delivery import OUTPUT_FILES, Invocation
from skillbox_core.sandbox.policy import SANDBOX


def invoke(call: Call, document: str, files: Sequence[str], limit: int) -> Invocation:
    """How a call's script is started.

    Args:
        document: The JSON text that the skill gets.
        files: Paths of its input files, below their folder.
        limit: Bytes of standard input.

    Raises:
        InvalidRequestError: A template stands for something that is not there, or that no argument can be.
    """
    how = Invocation(result_file=call.result_file, printed=call.result_file is None, edit=call.edit)
    given = Given(
        json.loads(document), sorted(files), f"{SANDBOX}/{how.files_folder}", f"{SANDBOX}/{OUTPUT_FILES}"
    )  # fmt: skip
    stdin = None if call.stdin is None else expand_text(call.stdin, given, limit)
    return replace(how, args=expand_arguments(call.args, given), stdin=stdin)
