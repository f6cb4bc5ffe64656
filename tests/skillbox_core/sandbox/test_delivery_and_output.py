from __future__ import annotations

import gzip
import io
import json
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillbox_core.errors import EngineError, OutputError, SkillboxError
from skillbox_core.inputs.sources import check_inputs
from skillbox_core.models import InputFile, Output, PlannedFile, Source
from skillbox_core.sandbox.delivery import Invocation, TarPlan, start_script
from skillbox_core.sandbox.output import parse_output_document, read_output
from skillbox_core.sandbox.tarstream import TarReader

Member = tuple[str, bytes | None, bytes]
"""Path, contents, kind."""


def tar(*members: Member, form: int = tarfile.GNU_FORMAT) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as packed:
        for path, data, kind in members:
            info = tarfile.TarInfo(path)
            info.type, info.size = kind, len(data or b"")
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            packed.addfile(info, io.BytesIO(data or b""))
    return target.getvalue()


def file(path: str, data: bytes = b"x") -> Member:
    return (path, data, tarfile.REGTYPE)


def folder(path: str) -> Member:
    return (path, None, tarfile.DIRTYPE)


def pieces(data: bytes, size: int = 1000) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def collect(data: bytes, limit: int = 2**24, max_document: int = 1024) -> tuple[Output, bytes | None]:
    """The output, and the spool's bytes; nothing but the spool may be written."""
    with tempfile.TemporaryDirectory() as name:
        spool = Path(name) / "spool"
        try:
            output = read_output(pieces(data), spool, limit=limit, max_document=max_document)
            return output, spool.read_bytes() if output.spool else None
        finally:
            assert {p.name for p in Path(name).iterdir()} <= {"spool"}


DOC = file("out/output.json", b'{"a": 1}')
LONG = "out/files/" + "/".join(["d" * 60, "e" * 80, "f.txt"])


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z]{1,150}(/[a-z]{1,100})?", fullmatch=True), st.binary(max_size=1100)), max_size=5
    )
)
def test_a_planned_tar_has_the_size_it_said_and_can_be_read(files: list[tuple[str, bytes]]) -> None:
    plan = TarPlan()
    for path, data in files:
        plan.add_bytes(path, data, 0o755)
    data = b"".join(plan)
    assert plan.size == len(data)
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        read = [(m.name, packed.extractfile(m).read(), m.mode) for m in packed]  # type: ignore[union-attr]
    assert read == [(path, content, 0o755) for path, content in files]


def test_what_is_delivered_can_be_zipped_by_a_script(tmp_path: Path) -> None:
    plan = TarPlan()
    plan.add_folder("in/", 0o755)
    plan.add_bytes("in/a.txt", b"a")
    with tarfile.open(fileobj=io.BytesIO(b"".join(plan))) as packed:
        packed.extractall(tmp_path, filter="fully_trusted")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (tmp_path / "in", tmp_path / "in/a.txt"):
            archive.write(path)  # a time before 1980 is a ValueError
    assert len(archive.namelist()) == 2


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
def test_tars_of_each_format_are_read(form: int) -> None:
    data = tar(folder("out"), file(LONG, b"1" * 1000), file("out/files/b", b""), DOC, form=form)
    read = [(e.path.decode().rstrip("/"), e.size) for e in TarReader(pieces(data, 77), 10**6)]
    assert read == [("out", 0), (LONG, 1000), ("out/files/b", 0), ("out/output.json", 8)]


@pytest.mark.parametrize("form", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_names_outside_ascii_are_read(form: int) -> None:
    output, _ = collect(tar(DOC, file("out/files/日本/ü.txt"), form=form))
    assert [f.path for f in output.files] == ["日本/ü.txt"]


@pytest.mark.parametrize("at", [0, 1, 511, 512, 700, 1500])
def test_a_stream_that_is_cut_off_is_the_engines_fault(at: int) -> None:
    with pytest.raises(EngineError):
        collect(tar(file("out/files/a", b"x" * 5000))[:at])


@pytest.mark.parametrize("data", [b"x" * 1024, b"\xff" * 1024, b"{}" * 512])
def test_garbage_is_no_output(data: bytes) -> None:
    with pytest.raises(OutputError):
        collect(data)


def test_a_good_output_is_a_document_and_a_tar_of_plain_files() -> None:
    output, spool = collect(
        tar(folder("out"), DOC, folder("out/files"), folder("out/files/d"), file("out/files/d/a", b"1"))
    )
    assert json.loads(output.document or "") == {"a": 1}
    assert output.problem is None
    assert [(f.path, f.size) for f in output.files] == [("d/a", 1)]
    assert output.skipped == ()
    with tarfile.open(fileobj=io.BytesIO(spool or b"")) as packed:
        members = packed.getmembers()
        assert [(m.name, m.mode, m.isreg(), m.uid) for m in members] == [("d/a", 0o644, True, 0)]


def test_an_output_without_files_leaves_no_spool() -> None:
    output, spool = collect(tar(DOC))
    assert (output.spool, output.files, spool) == (None, (), None)


@pytest.mark.parametrize(
    ("member", "word"),
    [
        (None, "missing"),
        (file("out/output.json", b""), "empty"),
        (file("out/output.json", b" \n"), "empty"),
        (("out/output.json", None, tarfile.SYMTYPE), "symbolic link"),
        (("out/output.json", None, tarfile.LNKTYPE), "hard link"),
        (("out/output.json", None, tarfile.FIFOTYPE), "pipe"),
        (folder("out/output.json"), "folder"),
        (file("out/output.json", b"{"), "not JSON"),
        (file("out/output.json", b"{} x"), "not JSON"),
        (file("out/output.json", b"NaN"), "NaN"),
        (file("out/output.json", b"[-Infinity]"), "Infinity"),
        (file("out/output.json", b'{"a":1,"a":2}'), "duplicate"),
        (file("out/output.json", b'"\xff"'), "UTF-8"),
        (file("out/output.json", b"[" * 1000), "JSON"),
        (file("out/output.json", b"1" * 1025), "SKILLBOX_MAX_OUTPUT_SIZE"),
    ],
)
def test_a_faulty_document_is_a_problem_that_says_which(member: Member | None, word: str) -> None:
    output, _ = collect(tar(*([member] if member else []), file("out/files/a")))
    assert output.document is None
    assert word.lower() in (output.problem or "").lower()
    assert [f.path for f in output.files] == ["a"]


@pytest.mark.parametrize("data", [b"[" * 200_000, b"1" * 5000, b'{"a":' * 100_000])
def test_a_document_too_deep_or_too_long_is_refused(data: bytes) -> None:
    with pytest.raises(OutputError):
        parse_output_document(data)


@given(st.binary(max_size=60) | st.text('{}[]":,0123456789eE.-truefalsn\\u ', max_size=60).map(lambda s: s.encode()))
def test_any_document_is_json_or_refused(data: bytes) -> None:
    try:
        text = parse_output_document(data)
    except OutputError:
        return
    json.loads(text)


@pytest.mark.parametrize(
    ("member", "name", "why"),
    [
        (("out/files/l", None, tarfile.SYMTYPE), "l", "symbolic link"),
        (("out/files/h", None, tarfile.LNKTYPE), "h", "hard link"),
        (("out/files/p", None, tarfile.FIFOTYPE), "p", "named pipe"),
        (("out/files/c", None, tarfile.CHRTYPE), "c", "device"),
        (("out/files/b", None, tarfile.BLKTYPE), "b", "device"),
        (folder("out/files/empty"), "empty", "empty folder"),
        (file("out/files/../x"), "../x", "'..'"),
        (file("out/files//etc/x"), "/etc/x", "absolute"),
        (file("out/files/a\\b"), "a\\\\b", "backslash"),
        (file("out/files/a\nb"), "a\\nb", "control"),
        (file("out/files/a\udcffb"), "a\\udcffb", "invisible"),
        (file("out/files/" + "x" * 256), "x" * 256, "255"),
        (file("out/files/" + "a/" * 20 + "b"), "a/" * 20 + "b", "deep"),
        (file("out/other"), "other", "only files/"),
        (("out/files", None, tarfile.SYMTYPE), "files", "symbolic link"),
    ],
)
def test_what_cannot_be_kept_is_listed_with_the_reason(member: Member, name: str, why: str) -> None:
    output, _ = collect(tar(DOC, member, file("out/files/good")))
    assert [f.path for f in output.files] == ["good"]
    [(skipped, reason)] = output.skipped
    assert skipped == name
    assert why in reason


def test_ordinary_names_are_kept_and_one_that_looks_like_another_is_named() -> None:
    persian = "می\u200cخواهم.csv"
    names = [persian, "a:b.csv", "Case.txt", "case.txt", "d\u200dir/x", "plain", "pl\u200cain", "dir/y", "caf\u00e9"]
    output, spooled = collect(tar(DOC, *(file(f"out/files/{name}") for name in [*names, "cafe\u0301"])))
    kept = sorted([persian, "a:b.csv", "Case.txt", "case.txt", "d\u200dir/x", "plain", "caf\u00e9"])
    assert [f.path for f in output.files] == kept
    assert spooled is not None
    assert [path for path, _ in output.skipped] == ["pl\\u200cain", "dir/y", "cafe\\u0301"]
    assert {why.split(":")[0] for _, why in output.skipped} == {
        "it looks like plain", "it looks like d\\u200dir", "it looks like caf\\xe9",
    }  # fmt: skip
    # What is stored may be handed on to the next skill.
    files = [PlannedFile(f.path, InputFile(Source.RUN, "1" * 32, f.path), f.size) for f in output.files]
    assert [f.path for f in check_inputs(files, 1000)] == kept


def test_a_folder_of_which_something_is_kept_is_not_listed() -> None:
    output, _ = collect(
        tar(DOC, folder("out/files/a"), folder("out/files/a/b"), file("out/files/a/b/c"), folder("out/files/a/e"))
    )
    assert output.skipped == (("a/e", "an empty folder"),)


def test_a_sparse_claim_stops_at_the_limit() -> None:
    info = tarfile.TarInfo("out/files/huge")
    info.size = 2**40

    def endless() -> Iterable[bytes]:
        yield info.tobuf(tarfile.GNU_FORMAT)
        while True:
            yield b"\0" * 65536

    with tempfile.TemporaryDirectory() as name, pytest.raises(OutputError, match="scratch"):
        read_output(endless(), Path(name) / "spool", limit=2**20, max_document=1024)


def test_a_name_too_long_to_read_is_refused() -> None:
    with pytest.raises(OutputError, match="too long"):
        collect(tar(file("out/files/" + "x" * 70_000)))


def test_the_same_output_gives_the_same_bytes() -> None:
    data = tar(DOC, file("out/files/a", b"1" * 5000), file(LONG, b"2"), file("out/files/ü", b"3"))
    first, second = collect(data)[1], collect(data)[1]
    assert first == second
    assert first is not None
    assert gzip.decompress(first)


@given(st.data(), st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
def test_a_mutated_tar_is_read_or_refused_and_writes_only_the_spool(data: st.DataObject, form: int) -> None:
    mutated = bytearray(
        tar(DOC, folder("out/files/d"), file(LONG), ("out/files/l", None, tarfile.SYMTYPE), form=form)[:6144]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        block = data.draw(st.integers(0, len(mutated) // 512 - 1)) * 512
        at = block + data.draw(st.sampled_from([0, 3, 99, 100, 124, 130, 135, 148, 156, 157, 257, 263, 345, 500]))
        mutated[at] = data.draw(st.integers(0, 255))
        if data.draw(st.booleans()):
            header = mutated[block : block + 512]
            mutated[block + 148 : block + 156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
    try:
        output, _ = collect(bytes(mutated))
    except SkillboxError as error:
        message = str(error)
        assert message.isprintable()
    else:
        assert all(not f.path.startswith("/") and ".." not in f.path.split("/") for f in output.files)


def run_start(folder: Path, entrypoint: str, env: dict[str, str]) -> dict[str, str]:
    """Runs a start script with `sh`, the sandbox moved to a folder, and returns what the skill saw."""
    script = folder / "scripts" / entrypoint
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(
        "import json, os, sys\n"
        "seen = {os.fsencode(k).hex(): os.fsencode(v).hex() for k, v in os.environ.items()}\n"
        "json.dump(seen, sys.stdout)\n"
    )
    text = start_script("python", entrypoint, env).replace(b"/sandbox", str(folder).encode())
    done = subprocess.run(["sh", "-s"], input=text, capture_output=True, timeout=30, check=True, cwd=folder)
    seen = json.loads(done.stdout)
    assert sorted(p.name for p in folder.iterdir()) == ["scripts"]
    return {bytes.fromhex(k).decode(): bytes.fromhex(v).decode() for k, v in seen.items()}


NASTY = {
    "SEMICOLON": "a; touch pwned",
    "COMMAND": "$(touch pwned)`touch pwned`",
    "QUOTES": "'\"'\"'; touch pwned; '",
    "LINES": "a\nb\r\n\n",
    "BACKSLASH": "\\n\\\\",
    "DOLLAR": "$HOME ${PATH} $$",
    "GLOB": "* ? [a] ~ !x",
    "EMPTY": "",
    "CONTROL": "\x01\x1b[2J\x7f",
    "UNICODE": "日本 é 😀 \u202e",
    "DASH": "-rf",
    "LONG": "x" * 100_000,
}


@pytest.mark.parametrize(("lang", "prepared"), [("node", True), ("node", False), ("python", True), ("bash", True)])
def test_only_node_with_an_environment_finds_it_above_its_script(lang: str, prepared: bool) -> None:
    text = start_script(lang, "main", {}, prepared=prepared).decode()
    linked = "\nln -s /opt/skillbox/node_modules /sandbox/node_modules\n" in text
    assert linked == (lang == "node" and prepared)


@pytest.mark.parametrize("entrypoint", ["main.py", "a b'$(touch pwned).py", "scripts/-x; touch pwned.py"])
def test_a_start_script_hands_over_every_value_as_it_is(tmp_path: Path, entrypoint: str) -> None:
    seen = run_start(tmp_path, entrypoint, NASTY)
    assert {name: seen[name] for name in NASTY} == NASTY


VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def run_call(folder: Path, how: Invocation) -> dict[str, Any]:
    """Runs a called script as the sandbox would, in a folder instead of it, and returns what it saw."""
    script = folder / "scripts" / "scripts" / "x.py"
    script.parent.mkdir(parents=True)
    script.write_text(
        "import json, os, sys\n"
        "args = [os.fsencode(arg).hex() for arg in sys.argv[1:]]\n"
        "print(json.dumps([args, sys.stdin.buffer.read().hex(), os.getcwd()]))\n"
    )
    if how.stdin is not None:
        (folder / ".stdin").write_bytes(how.stdin.encode())
    text = start_script("python", "scripts/x.py", {}, invocation=how).replace(b"/sandbox", str(folder).encode())
    (folder / ".run").write_bytes(text)
    done = subprocess.run(
        ["sh", str(folder / ".run")], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True, cwd=folder
    )
    args, stdin, place = json.loads(done.stdout)
    assert {path.name for path in folder.iterdir()} <= {"scripts", "out"}
    return {"args": [bytes.fromhex(arg).decode() for arg in args], "stdin": bytes.fromhex(stdin), "place": place}


@pytest.mark.parametrize("own_folder", [True, False])
def test_a_called_script_gets_its_arguments_and_its_standard_input_as_they_are(
    tmp_path: Path, own_folder: bool
) -> None:
    how = Invocation(args=tuple(NASTY.values()), stdin="".join(NASTY.values()) + "\0", own_folder=own_folder)
    seen = run_call(tmp_path, how)
    assert seen["args"] == list(NASTY.values())
    assert seen["stdin"].decode() == how.stdin
    assert seen["place"] == str(tmp_path / "scripts" if own_folder else tmp_path)


@pytest.mark.parametrize("name", ["r.json", "a b/$(touch pwned)'/r.json", "-n", "-d/-r"])
def test_the_folder_of_a_named_result_is_there_for_the_script(tmp_path: Path, name: str) -> None:
    run_call(tmp_path, Invocation(result_file=name, own_folder=True))
    assert (tmp_path / "scripts" / name).parent.is_dir()


@settings(max_examples=10)
@given(st.lists(VALUES, min_size=10, max_size=30), VALUES)
def test_any_arguments_pass_through_the_start_script(args: list[str], stdin: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        seen = run_call(Path(name), Invocation(args=tuple(args), stdin=stdin))
    assert (seen["args"], seen["stdin"].decode()) == (args, stdin)


@settings(max_examples=10)
@given(st.dictionaries(st.from_regex(r"V_[A-Z]{1,5}", fullmatch=True), VALUES, min_size=20, max_size=30))
def test_any_values_pass_through_the_shell(env: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        seen = run_start(Path(name), "main.py", env)
        assert {key: seen[key] for key in env} == env
