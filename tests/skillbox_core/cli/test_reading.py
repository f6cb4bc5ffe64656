"""Files that an editor on Windows wrote are read as if it had left its byte-order mark out."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from skillbox_core.cli.run import read_env, read_input
from skillbox_core.settings import load_env_file


def test_a_byte_order_mark_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = tmp_path / "input.json"
    written.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n')
    assert read_input(f"@{written}") == {"a": 1}
    typed = '\ufeff{"a": "ä é"}'
    # As a shell in another locale has it.
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(typed.encode()), encoding="latin-1"))
    assert read_input("-") == {"a": "ä é"}
    written.write_bytes(b"\xef\xbb\xbfSKILLBOX_BOM_TEST=1\r\nB=2\r\n")
    assert read_env([], [written], {}) == {"SKILLBOX_BOM_TEST": "1", "B": "2"}
    monkeypatch.setenv("B", "3")
    monkeypatch.delenv("SKILLBOX_BOM_TEST", raising=False)
    load_env_file(written)
    assert os.environ.pop("SKILLBOX_BOM_TEST") == "1"
