"""A lock: the same bytes for the same packages, and read to the letter."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from skillbox_core.errors import InvalidSkillError
from skillbox_core.skills.environment_lock import Lock, Pin, lock_of, read_lock, read_pins
from skillbox_core.skills.scripts import inspect_new

A, B = "a" * 64, "b" * 64
PYTHON = "3.11.2 x86_64 glibc 2.36"
PINS = (Pin("numpy", "2.4.6", 'sys_platform == "linux"', (A, B)), Pin("six", "1", "", (B,)))
LOCK = Lock("requirements.txt", A, PYTHON, True, PINS)


def test_a_lock_is_read_back_as_it_was_written() -> None:
    assert read_lock(LOCK.text) == LOCK
    assert read_lock(replace(LOCK, pins=(), universal=False).text) == replace(LOCK, pins=(), universal=False)


def test_its_digest_is_of_the_packages_only() -> None:
    assert replace(LOCK, path="main.py", asked=B, universal=False).digest == LOCK.digest
    assert replace(LOCK, pins=LOCK.pins[:1]).digest != LOCK.digest


def test_what_uv_writes_is_written_anew_from_what_it_means() -> None:
    said = f"six==1.0.0 ; sys_platform == 'linux' \\\n    --hash=sha256:{B} \\\n    --hash=sha256:{A}\n"
    said += f"abc==1.0RC1 \\\n    --hash=sha256:{A}\n"
    assert [pin.text for pin in read_pins(said)] == [
        f"abc==1.0rc1 \\\n    --hash=sha256:{A}\n",
        f'six==1.0.0 ; sys_platform == "linux" \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\n',
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("six==1", "six==1 --find-links ."),
        ("six==1", "six @ file:///evil.whl"),
        ("six==1", "--index-url http://127.0.0.1:1/\nsix==1"),
        ("six==1", "-r /etc/passwd\nsix==1"),
        ("six==1", "six>=1"),
        ("six==1", "six==1.*"),
        ("six==1", "Six==1"),
        ("six==1", "six[extra]==1"),
        ("six==1", "six==1 ; os.system('x')"),
        ("six==1", "six==${HOME}"),
        (f"six==1 \\\n    --hash=sha256:{B}", "six==1"),
        (f"--hash=sha256:{B}\nsix", "--hash=sha256:00\nsix"),
        (f"--hash=sha256:{B}\nsix", "--hash=md5:00\nsix"),
        ("# source: requirements.txt\n", "# source: requirements.txt\n# more\n"),
        ("# reach: universal", "# reach: everything"),
        ("3.11.2 x86_64", "2.7 x86_64"),
        (f"# asked: sha256:{A}", "# asked: "),
        (f"--hash=sha256:{A}", f"--hash=sha256:{A} "),
        ("numpy==2.4.6", "zope==2.4.6"),
    ],
)
def test_what_is_not_a_lock_to_the_letter_is_refused(old: str, new: str) -> None:
    assert old in LOCK.text
    with pytest.raises(InvalidSkillError, match=r"environment\.lock"):
        read_lock(LOCK.text.replace(old, new))


def test_an_archive_with_what_is_no_lock_is_not_stored(tmp_path: Path) -> None:
    for text, good in ((LOCK.text, True), ("evil @ file:///evil.whl\n", False), ("# caf\xe9", False)):
        with zipfile.ZipFile(tmp_path / "s.zip", "w") as archive:
            archive.writestr("SKILL.md", "---\nname: s\ndescription: d\n---\n")
            archive.writestr("main.py", "")
            archive.writestr("environment.lock", text.encode("latin-1"))
        if good:
            assert lock_of(inspect_new(tmp_path / "s.zip", 1_000_000)) == LOCK
            continue
        with pytest.raises(InvalidSkillError, match=r"environment\.lock is not"):
            inspect_new(tmp_path / "s.zip", 1_000_000)
