"""What a skill is given and what it leaves, against what it says of both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from skillbox_core.base.file_archive import read_head
from skillbox_core.errors import InvalidRequestError, StorageError
from skillbox_core.models import DeclaredFile, LoadedSkill, Output, StagedFile
from skillbox_core.skills.declared_files import fits, missing_output
from skillbox_core.skills.media_types import HEAD, content_problem
from skillbox_core.skills.validation import find_breach


def check_staged(skill: LoadedSkill, files: Iterable[StagedFile]) -> None:
    """Refuses an input file that is not of the media type that its skill declares.

    Raises:
        InvalidRequestError: Names the file, and what is wrong with it.
    """
    for file in files:
        for media_type in _media_types(skill.input_files, file.digest.path):
            with file.spool.open("rb") as opened:
                problem = content_problem(media_type, opened.read(HEAD))
            if problem:
                raise InvalidRequestError(
                    f"{skill.name} takes the file {file.digest.path} as {media_type}, and it is none: {problem}"
                )


def output_problem(skill: LoadedSkill, output: Output) -> str | None:
    """What of a skill's own word its output breaks, as a sentence; None where it keeps it."""
    if skill.output_schema is not None and output.document is not None:
        breach = find_breach(skill.output_schema, output.document)
        if breach:
            what = "the result" if skill.call else "output.json"
            return f"{what} does not fit the skill's output_schema: {breach}"
    paths = [file.path for file in output.files]
    return missing_output(skill.output_files, paths, output.skipped) or _wrong_content(skill, output)


def _wrong_content(skill: LoadedSkill, output: Output) -> str | None:
    if output.spool is None or not any(one.media_type for one in skill.output_files):
        return None
    with output.spool.open("rb") as packed:
        for file, span in zip(output.files, output.spans, strict=True):
            said = _media_types(skill.output_files, file.path)
            try:
                head = read_head(packed, span, HEAD) if said else b""
            except ValueError as error:
                raise StorageError(f"the spooled archive is damaged where {file.path!a} is: {error}") from None
            for media_type in said:
                if problem := content_problem(media_type, head):
                    return f"the skill left the file {file.path} as {media_type}, and it is none: {problem}"
    return None


def _media_types(declared: Sequence[DeclaredFile], path: str) -> list[str]:
    """What is said of a file; several items may fit it."""
    return [one.media_type for one in declared if one.media_type and fits(path, one)]
