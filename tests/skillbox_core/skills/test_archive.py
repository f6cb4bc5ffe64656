from __future__ import annotations

import io
import stat
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.base.paths import path_problem
from skillbox_core.errors import InvalidSkillError, SkillboxError
from skillbox_core.skills.archive import MAX_ENTRIES, MAX_FOLDERS, SkillArchive, find_entrypoint, inspect_archive

MD = "---\nname: a\ndescription: d\n---\nDo it.\n"
LIMIT = 8 * 2**20
Files = list[tuple[str, bytes | str]]
GOOD: Files = [("SKILL.md", MD), ("main.py", "print(1)\n"), ("scripts/help.py", "x = 1\n" * 50)]


def build(files: Files, method: int = zipfile.ZIP_DEFLATED, modes: dict[str, int] | None = None) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, data in files:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            info.external_attr = (modes or {}).get(name, 0o100644 if not name.endswith("/") else 0o040755) << 16
            packed.writestr(info, data)
    return target.getvalue()


def inspect(data: bytes, limit: int = LIMIT) -> SkillArchive:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "skill.zip"
        path.write_bytes(data)
        try:
            return inspect_archive(path, limit)
        finally:
            assert [p.name for p in Path(folder).iterdir()] == ["skill.zip"]


def refuse(data: bytes, limit: int = LIMIT) -> str:
    with pytest.raises(InvalidSkillError) as caught:
        inspect(data, limit)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 2000
    return str(caught.value)


def paths(archive: SkillArchive) -> list[str]:
    return [file.path for file in archive.files]


def patch(data: bytes, magic: bytes, offset: int, value: bytes, nth: int = 0) -> bytes:
    """Overwrites a field of the nth header with this magic."""
    at = -1
    for _ in range(nth + 1):
        at = data.index(magic, at + 1)
    return data[: at + offset] + value + data[at + offset + len(value) :]


LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"


def both(data: bytes, local: int, central: int, value: bytes) -> bytes:
    return patch(patch(data, LOCAL, local, value), CENTRAL, central, value)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_good_archive_is_taken_with_its_bytes(method: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(build(GOOD, method))
    archive = inspect_archive(path, LIMIT)
    assert paths(archive) == ["SKILL.md", "main.py", "scripts/help.py"]
    assert (archive.lang, archive.entrypoint) == ("python", "main.py")
    assert [b"".join(archive.read(f)).decode() for f in archive.files] == [MD, "print(1)\n", "x = 1\n" * 50]


def test_an_archive_written_as_a_stream_is_taken() -> None:
    class Pipe(io.RawIOBase):
        def __init__(self) -> None:
            self.data = bytearray()

        def writable(self) -> bool:
            return True

        def write(self, chunk) -> int:  # type: ignore[no-untyped-def, override]
            self.data += bytes(chunk)
            return len(chunk)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:  # type: ignore[arg-type]
        for name, data in GOOD:
            packed.writestr(name, data)
    assert len(inspect(bytes(pipe.data)).files) == 3


def test_a_wrapping_folder_is_taken_off() -> None:
    archive = inspect(build([("top/", ""), *((f"top/{n}", d) for n, d in GOOD)]))
    assert paths(archive) == ["SKILL.md", "main.py", "scripts/help.py"]


def test_two_wrapping_folders_are_not_a_skill() -> None:
    assert "SKILL.md" in refuse(build([(f"a/b/{n}", d) for n, d in GOOD]))
    assert "SKILL.md" in refuse(build([("a/SKILL.md", MD), ("b/main.py", "")]))


def test_macos_litter_is_left_out_with_a_warning() -> None:
    litter: Files = [("__MACOSX/top/._main.py", "x"), ("top/.DS_Store", "x")]
    archive = inspect(build([*((f"top/{n}", d) for n, d in GOOD), *litter]))
    assert paths(archive) == ["SKILL.md", "main.py", "scripts/help.py"]
    assert any("macOS" in warning for warning in archive.warnings)


@pytest.mark.parametrize("name", ["foo..bar", "...", "a b", "héllo/ünï.txt", "日本.txt", "-rf", "$(id)"])
def test_unusual_but_harmless_names_are_taken(name: str) -> None:
    assert name in paths(inspect(build([*GOOD, (name, "x")])))


@pytest.mark.parametrize(
    "name",
    [
        *[
            "../x",
            "a/../../x",
            "a/../x",
            "./x",
            "a/./x",
            "/etc/x",
            "//srv/x",
            "a//x",
            "C:\\x",
            "C:/x",
            "a\\b",
            "\\\\srv\\x",
            "..",
        ],
        *[
            "a\nb",
            "a\x1b[2J",
            "a\x7fb",
            "a\u202eb",
            "a\u200bb",
            "a\u2028b",
            "\ufeffa",
            "x" * 256,
            "é" * 128,
            "/".join("a" * 17),
            "//",
        ],
    ],
)
def test_a_name_that_leads_out_or_misleads_is_refused(name: str) -> None:
    assert "entry" in refuse(build([*GOOD, (name, "x")]))


def test_long_names_are_refused_before_their_characters_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    # A tar header may hold 64 KB of name, and a stranger's skill may leave thousands of them.
    def category(_: str) -> str:
        raise AssertionError

    monkeypatch.setattr("skillbox_core.base.paths.unicodedata.category", category)
    assert "bytes" in str(path_problem("/".join(["x" * 255] * 250)))
    assert "bytes" in str(path_problem("\N{PILE OF POO}" * 1024))


def test_a_nul_in_a_name_is_refused() -> None:
    refuse(build([*GOOD, ("aQQb", "x")]).replace(b"aQQb", b"a\0\0b"))


@pytest.mark.parametrize("raw", [b"a\xff\xffb", b"\xc3\xa9ab"])
def test_a_name_in_no_declared_encoding_is_refused(raw: bytes) -> None:
    refuse(build([*GOOD, ("aQQb", "x")]).replace(b"aQQb", raw))


def test_a_name_that_lies_about_being_utf8_is_refused() -> None:
    refuse(build([*GOOD, ("éQQ", "x")]).replace("éQQ".encode(), b"\xc3QQQ"))


@pytest.mark.parametrize(
    "extra",
    [
        [("main.py", "again")],
        [("SKILL.md", MD)],
        [("MAIN.py", "x")],
        [("skill.MD", MD)],
        [("main.py/x", "x")],
        [("Main.PY/x", "x")],
        [("main.py/", "")],
        [("scripts", "x")],
        [("caf\u00e9", "x"), ("cafe\u0301", "x")],
        [("stra\u00dfe", "x"), ("STRASSE", "x")],
    ],
)
def test_two_entries_that_could_be_one_file_are_refused(extra: Files) -> None:
    refuse(build([*GOOD, *extra]))


def test_a_folder_given_twice_is_harmless() -> None:
    inspect(build([("scripts/", ""), ("scripts/", ""), *GOOD]))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
@pytest.mark.parametrize("name", ["SKILL.md", "main.py"])
def test_an_entry_that_is_no_plain_file_is_refused(kind: int, name: str) -> None:
    assert name in refuse(build(GOOD, modes={name: kind | 0o777}))


def test_skill_md_as_a_folder_is_refused() -> None:
    refuse(build([("SKILL.md/", ""), *GOOD[1:]]))


def test_a_folder_with_contents_is_refused() -> None:
    refuse(build([*GOOD, ("folder/", "x")]))


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [(0o600, 0o644), (0o000, 0o644), (0o666, 0o644), (0o700, 0o755), (0o6777, 0o755), (0o4644, 0o644)],
)
def test_modes_are_normalised(mode: int, wanted: int) -> None:
    for kind in (stat.S_IFREG, 0):
        archive = inspect(build(GOOD, modes={"main.py": kind | mode}))
        assert {f.path: f.mode for f in archive.files}["main.py"] == wanted


def test_a_ratio_bomb_is_refused() -> None:
    assert "100:1" in refuse(build([*GOOD, ("zeros", b"\0" * 4 * 2**20)]))


def test_an_archive_that_unpacks_over_the_limit_is_refused() -> None:
    assert "over" in refuse(build([*GOOD, ("zeros", b"\0" * 900_000)]), 800_000)


def test_an_archive_over_the_limit_is_refused_unread() -> None:
    assert "SKILLBOX_MAX_SKILL_SIZE" in refuse(b"\0" * 1000, 999)


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_a_size_that_lies_stops_at_the_promise(size: int) -> None:
    data = build([("main.py", b"\0" * 100_000), ("SKILL.md", MD)])
    refuse(both(data, 22, 24, struct.pack("<L", size)))


def test_inner_archives_are_never_opened() -> None:
    bomb = build([("zeros", b"\0" * 2**24)])
    assert "inner.zip" in paths(inspect(build([*GOOD, ("inner.zip", bomb)])))


def test_too_many_entries_are_refused() -> None:
    many: Files = [(f"f{n}", "") for n in range(MAX_ENTRIES - len(GOOD) + 1)]
    assert str(MAX_ENTRIES) in refuse(build([*GOOD, *many]))
    assert len(inspect(build([*GOOD, *many[1:]])).files) == MAX_ENTRIES
    long: Files = [(f"{'long' * 60}{n}", "") for n in range(MAX_ENTRIES - len(GOOD))]
    assert len(inspect(build([*GOOD, *long])).files) == MAX_ENTRIES, "its directory is over a limit"


def test_folders_without_entries_of_their_own_are_counted() -> None:
    # The good one has a folder of its own.
    spread: Files = [(f"d{n}/f", "") for n in range(MAX_FOLDERS)]
    assert f"{MAX_FOLDERS + 1} folders" in refuse(build([*GOOD, *spread]))
    assert inspect(build([*GOOD, *spread[1:]]))


def test_a_claimed_count_is_refused_before_the_directory_is_read() -> None:
    refuse(patch(build(GOOD), END, 8, struct.pack("<2H", 60_000, 60_000)))
    refuse(patch(build(GOOD), END, 8, struct.pack("<2H", 2, 2)))
    refuse(patch(build(GOOD), END, 8, struct.pack("<2H", 4, 4)))


G = build(GOOD)
BROKEN = {
    "empty": b"",
    "encrypted": both(G, 6, 8, b"\1\0"),
    "strong encryption": both(G, 6, 8, b"\x41\0"),
    "unknown method": both(G, 8, 10, struct.pack("<H", 99)),
    "bzip2": build(GOOD, zipfile.ZIP_BZIP2),
    "lzma": build(GOOD, zipfile.ZIP_LZMA),
    "bad crc": both(G, 14, 16, b"abcd"),
    "local crc disagrees": patch(G, LOCAL, 14, b"abcd"),
    "local size disagrees": patch(G, LOCAL, 22, b"\1\0\0\0"),
    "local method disagrees": patch(G, LOCAL, 8, b"\0\0"),
    "local flags disagree": patch(G, LOCAL, 6, b"\2\0"),
    "local name disagrees": patch(G, LOCAL, 30, b"skill.md"),
    "zip64 size": both(G, 22, 24, b"\xff\xff\xff\xff"),
    "zip64 count": patch(G, END, 8, b"\xff\xff\xff\xff"),
    "zip64 offset": patch(G, END, 16, b"\xff\xff\xff\xff"),
    "another disk": patch(G, END, 4, b"\1\0"),
    "data before": b"#!/bin/sh\n" + G,
    "data behind": G + b"x",
    "an archive behind": G + G,
    "cut by one": G[:-1],
    "cut in half": G[: len(G) // 2],
    "data in between": G[: G.index(CENTRAL)] + b"xx" + G[G.index(CENTRAL) :],
    "overlapping entries": patch(G, CENTRAL, 42, b"\0\0\0\0", 1),
    "offset outside": patch(G, CENTRAL, 42, b"\0\0\0\x7f", 1),
    "broken deflate": patch(G, LOCAL, 38, b"\xff\xff\xff"),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_or_ambiguous_archive_is_refused(data: bytes) -> None:
    assert data != G
    refuse(data)


@pytest.mark.parametrize(
    ("lang", "names", "wanted"),
    [
        ("python", {"main.sh", "run.py"}, ("python", "run.py")),
        ("bash", {"main.py", "main.sh"}, ("bash", "main.sh")),
        ("node", {"main.py", "scripts/main.js"}, ("node", "scripts/main.js")),
        (None, {"main.sh"}, ("bash", "main.sh")),
        (None, {"main.js", "scripts/main.py"}, ("node", "main.js")),
        (None, {"main.py", "run.py", "main.js"}, ("python", "main.py")),
        (None, {"scripts/run.py", "scripts/main.py"}, ("python", "scripts/main.py")),
        (None, {"deep/main.py"}, ("python", None)),
        ("bash", {"main.py"}, ("bash", None)),
    ],
)
def test_lang_decides_the_entrypoint(lang: str | None, names: set[str], wanted: tuple[str, str | None]) -> None:
    assert find_entrypoint(lang, names) == wanted


def test_a_lang_without_its_entrypoint_is_refused_with_what_is_missing() -> None:
    md = MD.replace("name: a", "name: a\nlang: bash")
    assert "main.sh" in refuse(build([("SKILL.md", md), ("main.py", "")]))


def test_a_skill_of_instructions_alone_can_be_stored() -> None:
    assert inspect(build([("SKILL.md", MD)])).entrypoint is None


def test_requirements_without_prepared_packages_are_warned_about() -> None:
    requirements: Files = [*GOOD, ("requirements.txt", "x")]
    assert any("requirements.txt" in w for w in inspect(build(requirements)).warnings)
    prepared = inspect(build([*requirements, ("vendor/x.py", "")]))
    assert prepared.vendored
    assert not prepared.warnings


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    for candidate in (data, b"PK\3\4" + data, data + G[G.index(END) :]):
        refuse(candidate)


@given(st.data(), st.sampled_from([G, build(GOOD, zipfile.ZIP_STORED)]))
def test_a_mutated_archive_is_taken_or_refused_and_nothing_else(data: st.DataObject, good: bytes) -> None:
    mutated = bytearray(good)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mutated) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                mutated[at] = data.draw(st.integers(0, 255))
            case 1:
                del mutated[at : at + data.draw(st.integers(1, 8))]
            case _:
                mutated[at:at] = data.draw(st.binary(min_size=1, max_size=8))
        if not mutated:
            break
    try:
        archive = inspect(bytes(mutated))
    except SkillboxError as error:
        message = str(error)
        assert message.isprintable()
    else:
        assert all(file.mode in (0o644, 0o755) for file in archive.files)
