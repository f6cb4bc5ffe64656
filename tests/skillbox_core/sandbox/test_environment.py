from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skillbox_core.errors import InvalidRequestError
from skillbox_core.sandbox.environment import MAX_ENV_STRING, MAX_ENV_VARIABLES, check_env, skill_environment


@pytest.mark.parametrize("name", ["A", "__", "API_KEY", "lower", "x1", "MY_PATH", "HOMEPAGE", "SKILLS"])
def test_ordinary_names_are_taken(name: str) -> None:
    check_env({name: "value", f"{name}2": ""})


@pytest.mark.parametrize(
    "name",
    [
        *["", "1A", "A-B", "A B", "A=B", "PATH=/x:", "A\n", "A\0", "É", "A.B", "$(id)", "A;B"],
        *[
            "PATH",
            "Path",
            "HOME",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "ld_preload",
            "DYLD_INSERT_LIBRARIES",
        ],
        *[
            "PYTHONPATH",
            "PYTHONSTARTUP",
            "PYTHONHOME",
            "PYTHONINSPECT",
            "NODE_PATH",
            "NODE_OPTIONS",
            "BASH_ENV",
            "ENV",
        ],
        *["PPID", "UID", "OPTIND", "RANDOM", "_", "SHLVL"],
        *["IFS", "SHELLOPTS", "PS4", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy"],
        *[
            "SANDBOX_INPUT",
            "sandbox_x",
            "SKILL_INSTRUCTIONS",
            "Skill_Y",
            "GIT_SSH_COMMAND",
            "PERL5OPT",
            "RUBYOPT",
        ],
    ],
)
def test_names_that_could_change_the_loader_or_the_contract_are_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        check_env({name: "s3cret"})
    assert "s3cret" not in str(caught.value)
    assert str(caught.value).isprintable()


def test_more_variables_than_a_shell_can_read_in_time_are_refused() -> None:
    check_env({f"V{number}": "" for number in range(MAX_ENV_VARIABLES)})
    with pytest.raises(InvalidRequestError, match="there are 1001 environment variables, the limit is 1000"):
        check_env({f"V{number}": "" for number in range(MAX_ENV_VARIABLES + 1)})


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * MAX_ENV_STRING, "é" * (MAX_ENV_STRING // 2)])
def test_values_the_kernel_cannot_take_are_refused_by_name(value: str) -> None:
    with pytest.raises(InvalidRequestError, match="BIG"):
        check_env({"BIG": value})


def test_the_longest_value_the_kernel_takes_is_taken() -> None:
    check_env({"A": "x" * (MAX_ENV_STRING - 3)})
    with pytest.raises(InvalidRequestError, match="128 KiB"):
        check_env({"A": "x" * (MAX_ENV_STRING - 2)})


def test_the_environment_in_all_has_a_limit() -> None:
    with pytest.raises(InvalidRequestError, match="1 MiB"):
        check_env({f"A{n}": "x" * 100_000 for n in range(11)})


@given(st.dictionaries(st.text(max_size=20), st.text(st.characters(), max_size=20), max_size=4))
def test_any_environment_is_taken_or_refused_without_its_values(env: dict[str, str]) -> None:
    try:
        check_env(env)
    except InvalidRequestError as error:
        message = str(error)
        assert message.isprintable()


def test_a_skill_sees_the_contract_and_the_callers_variables() -> None:
    env = skill_environment(b'{"a":1}', "Do it.", {"KEY": "v"}, None)
    assert env["SANDBOX_INPUT"] == '{"a":1}'
    assert env["SANDBOX_OUTPUT"] == "/sandbox/out/output.json"
    assert env["SANDBOX_FILES_DIR"] == "/sandbox/out/files/"
    assert env["SKILL_INSTRUCTIONS"] == "Do it."
    assert env["HOME"] == "/tmp"
    assert env["KEY"] == "v"
    assert "PYTHONPATH" not in env
    assert skill_environment(b"{}", "", {}, "/sandbox/scripts/vendor")["PYTHONPATH"] == "/sandbox/scripts/vendor"


def test_a_skill_with_an_environment_is_told_where_it_and_its_caches_are() -> None:
    more = {"MPLCONFIGDIR", "NUMBA_CACHE_DIR", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "XDG_CACHE_HOME"}
    plain, prepared = (skill_environment(b"{}", "", {}, None, prepared=prepared) for prepared in (False, True))
    assert prepared.keys() - plain.keys() == more
    assert prepared["PYTHONUSERBASE"] == "/opt/skillbox"
    told = skill_environment(b"{}", "", {"MPLCONFIGDIR": "/sandbox/mine"}, None, prepared=True)
    assert told["MPLCONFIGDIR"] == "/sandbox/mine"


def test_what_is_too_long_for_one_variable_is_left_to_the_files() -> None:
    env = skill_environment(b'"' + b"x" * MAX_ENV_STRING + b'"', "é" * MAX_ENV_STRING, {}, None)
    assert "SANDBOX_INPUT" not in env
    assert "SKILL_INSTRUCTIONS" not in env
