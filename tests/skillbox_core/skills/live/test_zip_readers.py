"""What is taken is the same to unzip, 7z, bsdtar and Python; what they see in two ways is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.archive import MAX_ENTRIES, inspect_archive
from skillbox_core.skills.zipindex import read_entry, read_index
from tests.services import zip_readers
from tests.services.zip_readers import READERS, Seen, extracted, listed
from tests.skillbox_core.skills.twofaced import HONEST, TWO_FACED
from tests.skillbox_core.skills.zipwork import BARE, GOOD, MD, SIGNED, Made, archive, end, field

pytestmark = pytest.mark.skipif(bool(zip_readers.missing()), reason=str(zip_readers.missing()))

LIMIT = 8 * 2**20
NOT_SEEN_IN_TWO_WAYS = {
    # These readers agree on them today, as far as files go; others, or what shows comments and links, may not.
    "a second comment", "a version of another system", "made on VMS", "a link by its extra field",
    "encrypted by its extra field", "zip64's sizes beside others", "an unknown extra field",
    "an archive in an extra field", "a time too many", "times twice", "an unknown flag", "ISO 9660 too",
    "bytes in a folder", "bytes in a folder that is no stream", "what is left out fails its checksum",
    "a comment that clears the screen", "a comment that turns its direction", "a comment in no encoding",
    "a comment that is too long", "an entry's comment with a record",
}  # fmt: skip


def taken(data: bytes, folder: Path) -> Seen | None:
    """What the intake makes of it: every entry, also what it leaves out; None where it refuses."""
    path = folder / "skill.zip"
    path.write_bytes(data)
    try:
        inspect_archive(path, LIMIT)
    except InvalidSkillError:
        return None
    return {entry.name: b"".join(read_entry(path, entry)) for entry in read_index(path, MAX_ENTRIES)}


def same_to_all(data: bytes, seen: Seen) -> None:
    files = {name: contents for name, contents in seen.items() if not name.endswith("/")}
    for reader in READERS:
        names = listed(data, reader)
        assert len(names) == len(seen), reader
        # Letters that its C library is too old for are escaped by bsdtar, in what it shows.
        if all(ord(letter) < 0x250 for name in seen for letter in name):
            assert names == sorted(name.removesuffix("/") for name in seen), reader
        assert extracted(data, reader) == files, reader


@pytest.mark.parametrize("data", HONEST.values(), ids=HONEST.keys())
def test_what_is_taken_is_the_same_to_all_readers(data: bytes, tmp_path: Path) -> None:
    seen = taken(data, tmp_path)
    assert seen
    same_to_all(data, seen)


@pytest.mark.parametrize("name", sorted(TWO_FACED.keys() - NOT_SEEN_IN_TWO_WAYS))
def test_what_is_refused_for_it_has_two_faces(name: str, tmp_path: Path) -> None:
    data = TWO_FACED[name]
    views = [extracted(data, reader) for reader in READERS]
    assert any(view != views[0] for view in views), "the readers agree, so the case shows nothing"
    assert taken(data, tmp_path) is None


def test_a_whole_iso_image_in_an_entry_is_not_what_bsdtar_shows(tmp_path: Path) -> None:
    (tmp_path / "harmless.txt").write_text("harmless")
    made = subprocess.run(
        ["bsdtar", "--format", "iso9660", "-cf", "-", "harmless.txt"], cwd=tmp_path, capture_output=True
    )
    head = 30 + len(b"data.bin")
    # Its first 32 KiB are free, and every place in it is counted from the beginning of the file.
    data = archive(Made(b"data.bin", made.stdout[head:], deflate=False), *GOOD)
    assert (extracted(data, "bsdtar") or {}).keys() == {"harmless.txt"}
    assert taken(data, tmp_path) is None


TOOLS = {
    "zip": "zip -qr ../made.zip .",
    "zip into a pipe": "zip -qr - . | cat > ../made.zip",
    "zip with a comment": "echo 'for you' | zip -qrz ../made.zip .",
    "7z": "7z a -bd -bso0 ../made.zip *",
    "7z into a pipe": "7z a -bd -bso0 -tzip -so x * > ../made.zip",
    "bsdtar": "bsdtar -a -cf ../made.zip *",
    "git archive": "git init -q && git add . && git -c user.name=a -c user.email=a@example.org commit -qm a"
    " && git archive --prefix=repository/ --format=zip -o ../made.zip HEAD",
    "Python": f"{sys.executable} -m zipfile -c ../made.zip *",
}


@pytest.mark.parametrize("command", TOOLS.values(), ids=TOOLS.keys())
def test_what_a_tool_packs_is_taken_and_the_same_to_all_readers(command: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "scripts").mkdir(parents=True)
    (source / "SKILL.md").write_bytes(MD)
    (source / "main.py").write_text("print(1)\n" * 99)
    (source / "scripts" / "with a blank.txt").write_text("x")
    subprocess.run(command, shell=True, cwd=source, check=True, stdout=subprocess.DEVNULL)
    data = (tmp_path / "made.zip").read_bytes()
    seen = taken(data, tmp_path)
    assert seen
    same_to_all(data, seen)


_NAMES = st.one_of(
    st.sampled_from(
        ["main.py;1", "a;b", "lib/", "lib/x", "-x", "*", "[a]", "a:b", " a", "a ", "a.", "#U00e9", "~", "é"]
    ),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
).map(str.encode)


def _mostly(usual: object, *others: object) -> st.SearchStrategy[Any]:
    return st.sampled_from([usual] * 12 + list(others))


_FIELDS = _mostly(
    b"",
    field(0x5455, b"\1abcd"),
    field(0x5455, b"\3abcdabcd"),
    field(0x5855, b"x" * 8),
    field(0x7075, b"\1abcdx"),
    field(0x7875, b"\1\4aaaa\4bbbb"),
    field(0x000A, b"\0\0\0\0\1\0\x18\0" + b"t" * 24),
    field(0xBEEF, b"?"),
    b"xyz",
)
_ENTRIES = st.builds(
    Made,
    name=_NAMES,
    data=st.one_of(st.binary(max_size=40), st.just(archive(*GOOD)), st.just(b"x" * 40_000)),
    deflate=st.booleans(),
    flags=_mostly(0x800, 0x802, 0, 0x820),
    made_by=_mostly(0x0314, 0x0014, 63, 0x1314, 0x0B14, 0x0214, 0x0714),
    needed=_mostly(20, 10, 45, 46, 63),
    attributes=_mostly(0, 0o100755 << 16, 0o100644 << 16 | 0x20, 0x10, 0o040755 << 16 | 0x10),
    extra=_FIELDS,
    local_extra=st.one_of(st.none(), _FIELDS),
    comment=_mostly(b"", b"text", "\u00fc".encode(), end(1, 2, 3)),
    described=_mostly(None, SIGNED, BARE),
)


@settings(max_examples=150)
@given(entries=st.lists(_ENTRIES, max_size=3), comment=_mostly(b"", b"0bb2ae7c", "é".encode(), end(0, 0, 0)))
def test_whatever_is_taken_is_the_same_to_all_readers(entries: list[Made], comment: bytes, tmp_path: Path) -> None:
    data = archive(*GOOD, *entries, comment=comment)
    seen = taken(data, tmp_path)
    if seen is not None:
        same_to_all(data, seen)
