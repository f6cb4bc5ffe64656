"""uv: what it is given of this machine, and what its words become."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core.environments.uv import no_index, uv_environment, with_whole_paths
from skillbox_core.environments.uv_errors import explained
from skillbox_core.errors import IndexUnavailableError, InvalidSkillError, SkillboxError
from skillbox_core.models import Interpreter

PYTHON = Interpreter("3.11.2", "x86_64", "glibc 2.36")
NO = "error: No solution found when resolving dependencies\n  cause: "
END = ", we can conclude that your requirements are unsatisfiable.\n"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        (f"{NO}Because pandsa was not found in the package registry and you require pandsa{END}",
         InvalidSkillError, ["requirements.txt: the index has no package pandsa", "is its name right"]),
        (f"{NO}Because uwsgi was not found in the provided package locations and you require uwsgi{END}",
         InvalidSkillError, ["the index has no package uwsgi"]),
        (f"{NO}Because all versions of uwsgi have no usable wheels and you require uwsgi{END}"
         "hint: Wheels are required for `uwsgi` because building from source is disabled for all packages",
         InvalidSkillError,
         ["uwsgi has no wheel for Python 3.11 on x86_64 with glibc 2.36", "nothing is built", "image:"]),
        (f"{NO}Because pandas==2.0.0 has no usable wheels and you require pandas==2.0.0{END}",
         InvalidSkillError, ["pandas==2.0.0 has no wheel for Python 3.11"]),
        (f"{NO}Because torch==1.0.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you require "
         f"torch==1.0{END}\nhint: You require CPython 3.11 (`cp311`), but we only found wheels for `torch` (v1.0.0) "
         "with the following Python ABI tags: `cp27m`, `cp35m`",
         InvalidSkillError, ["torch==1.0.0 has no wheel", "Python ABI", "there are wheels for cp27m, cp35m"]),
        (f"{NO}Because there is no version of numpy==2.9999 and you require numpy==2.9999{END}",
         InvalidSkillError, ["the index has no version numpy==2.9999"]),
        (f"{NO}Because only urllib3<=2.8.0 is available and you require urllib3>=9{END}",
         InvalidSkillError, ["can't be locked: Because only urllib3<=2.8.0 is available"]),
        (f"{NO}Because pandas==2.2.0 depends on numpy>=1.23.2,<2 and you require pandas==2.2.0, we can conclude that "
         f"your requirements and numpy>=2.3 are incompatible.\n  And because you require numpy>=2.3{END}",
         InvalidSkillError, ["Because pandas==2.2.0 depends on numpy>=1.23.2,<2", "numpy>=2.3 are incompatible"]),
        ("error: Failed to download `jinja2==3.1.6`\n  cause: Hash mismatch for `jinja2==3.1.6`\n\n  Expected: x",
         InvalidSkillError, ["the index has other files of jinja2==3.1.6 than were locked"]),
        ("error: Request failed after 3 retries in 9.6s\n  cause: Failed to fetch: http://me:hunter2@127.0.0.1:1/simple/"
         "pandas/\n  cause: error sending request for url (http://me:hunter2@127.0.0.1:1/simple/pandas/)\n"
         "  cause: tcp connect error\n  cause: Connection refused (os error 111)\n",
         IndexUnavailableError, ["index at http://127.0.0.1:1/simple/pandas/ can't be reached: Connection refused",
                                 "UV_DEFAULT_INDEX"]),
        (f"{NO}Because greeter was not found in the package registry and you require greeter{END}\nhint: An index URL "
         "(http://127.0.0.1:1/simple) could not be queried due to a lack of valid authentication credentials (401)",
         IndexUnavailableError, ["index at http://127.0.0.1:1/simple can't be reached: An index URL", "credentials"]),
        (f"{NO}Because greeter was not found in the package registry and you require greeter{END}\nhint: An index "
         "(http://127.0.0.1:1/simple) returned a 403 Forbidden error. Check that the credentials are valid.",
         IndexUnavailableError, ["index at http://127.0.0.1:1/simple can't be reached", "403 Forbidden"]),
        ("error: Received some unexpected JSON from http://127.0.0.1:1/simple/greeter/\n cause: expected value",
         IndexUnavailableError, ["index at http://127.0.0.1:1/simple/greeter/ can't be reached: expected value"]),
        (f"{NO}Because there are no versions of greeter and you require greeter{END}",
         InvalidSkillError, ["the index has no package greeter", "is its name right"]),
        ("error: Package `evil` was included as a URL dependency. URL dependencies must be expressed as direct "
         "requirements or constraints. Consider adding `evil @ file:///tmp/x.whl` to your dependencies",
         InvalidSkillError, ["a package needs evil from an address, and only packages of the index are taken"]),
        ("error: something of /tmp/skillbox-lock-1/asked.txt that nobody knows", InvalidSkillError,
         ["can't be locked: something of asked.txt that nobody knows"]),
        (f"error: {'x' * 5000}", InvalidSkillError, [" ..."]),
    ],
)  # fmt: skip
def test_an_error_names_the_package_the_rule_and_the_way_out(
    said: str, kind: type[SkillboxError], words: list[str]
) -> None:
    error = explained(said, "/tmp/skillbox-lock-1", "requirements.txt", PYTHON)
    assert isinstance(error, kind)
    assert [word for word in words if word not in str(error)] == []
    assert not any(word in str(error) for word in ("/tmp/", "hunter2"))
    assert len(str(error)) < 900
    assert error.hint


def test_uv_gets_what_reaches_the_index_and_nothing_else() -> None:
    ours = {
        **{"PATH": "/bin", "HTTPS_PROXY": "p", "SSL_CERT_FILE": "c", "UV_DEFAULT_INDEX": "i", "UV_INDEX": "j"},
        **{"UV_INDEX_OURS_PASSWORD": "p", "UV_FIND_LINKS": "f", "UV_HTTP_TIMEOUT": "9"},
    }
    others = {
        **{"SKILLBOX_S3_SECRET_KEY": "s", "AWS_SECRET_ACCESS_KEY": "s", "PREFECT_API_KEY": "s", "PYTHONPATH": "/evil"},
        **{"UV_CONSTRAINT": "/evil", "UV_OVERRIDE": "/evil", "UV_NO_BINARY": "1", "UV_CONFIG_FILE": "/evil"},
        **{"UV_CACHE_DIR": "/evil", "UV_PYTHON": "/evil", "UV_PRERELEASE": "allow", "UV_LINK_MODE": "symlink"},
        **{"UV_NO_VERIFY_HASHES": "1", "UV_COMPILE_BYTECODE": "1", "UV_WORKING_DIR": "/", "UV_PROJECT": "/"},
        **{"PIP_INDEX_URL": "k"},
    }
    assert uv_environment({**ours, **others}) == ours


def test_where_uv_is_told_nothing_pips_index_is_taken() -> None:
    pip = {"PIP_INDEX_URL": "i", "PIP_FIND_LINKS": "f", "PIP_CERT": "c", "PIP_NO_INDEX": "1", "PIP_TARGET": "/evil"}
    assert uv_environment(pip) == {"UV_DEFAULT_INDEX": "i", "UV_FIND_LINKS": "f", "SSL_CERT_FILE": "c"}
    assert no_index(pip)
    assert not no_index({"PIP_NO_INDEX": "0"})
    assert not no_index({**pip, "UV_DEFAULT_INDEX": "j"})


@pytest.mark.parametrize("other", ["UV_HTTP_TIMEOUT", "UV_OFFLINE", "UV_INDEX_OURS_PASSWORD", "UV_INDEX_STRATEGY"])
def test_what_is_no_place_leaves_pips_index_where_it_is(other: str) -> None:
    pip = {"PIP_INDEX_URL": "https://ours/simple", "PIP_FIND_LINKS": "/a", "PIP_NO_INDEX": "1"}
    assert uv_environment({**pip, other: "1"}) == {
        "UV_DEFAULT_INDEX": "https://ours/simple",
        "UV_FIND_LINKS": "/a",
        other: "1",
    }
    assert no_index({**pip, other: "1"})
    assert not no_index({**pip, "UV_FIND_LINKS": "/b"})


def test_pips_folders_are_parted_by_spaces_and_uvs_by_commas() -> None:
    assert uv_environment({"PIP_FIND_LINKS": "/a  https://b/c"}) == {"UV_FIND_LINKS": "/a,https://b/c"}


HERE = Path.cwd()


@pytest.mark.parametrize(
    ("name", "said", "meant"),
    [
        ("UV_FIND_LINKS", "wheels,https://a/b?c=d", f"{HERE}/wheels,https://a/b?c=d"),
        ("UV_FIND_LINKS", "/a b/wheels", "/a b/wheels"),
        ("UV_INDEX", "ours=https://a/simple theirs=simple", f"ours=https://a/simple theirs={HERE}/simple"),
        ("UV_DEFAULT_INDEX", "https://user:word@a/simple", "https://user:word@a/simple"),
        ("UV_DEFAULT_INDEX", "./simple", f"{HERE}/simple"),
        ("UV_FIND_LINKS", "", ""),
        ("UV_HTTP_TIMEOUT", "9", "9"),
    ],
)
def test_a_folder_of_packages_is_named_from_where_the_command_runs(name: str, said: str, meant: str) -> None:
    assert with_whole_paths({name: said}, lambda _: True) == {name: meant}


@pytest.mark.parametrize(
    ("name", "said", "says"),
    [
        (
            "UV_DEFAULT_INDEX",
            "127.0.0.1:1/simple",
            r'INDEX names "127\.0\.0\.1:1/simple", which is no address',
        ),
        ("UV_INDEX", "https://a/simple ours=/nowhere", r'UV_INDEX names "/nowhere"'),
        ("UV_FIND_LINKS", "/nowhere", r'UV_FIND_LINKS names "/nowhere", .* or is a folder'),
    ],
)
def test_an_index_that_is_mistyped_is_said_and_not_that_the_package_is_missing(name: str, said: str, says: str) -> None:
    with pytest.raises(IndexUnavailableError, match=says):
        with_whole_paths({name: said}, lambda _: False)
