"""`skillbox pool`, `doctor` and `exec show` with containers that wait, on a real engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunRequest, Settings
from skillbox_core.base.quantities import CPU_PERIOD_US, parse_memory_limit
from skillbox_core.errors import EngineError
from skillbox_core.operations.pool import State, drain, look
from skillbox_core.run import pool
from skillbox_core.sandbox.container import LABEL_INSTANCE, LABEL_WAITING
from skillbox_core.sandbox.waiting import PREFIX, Kind
from tests.services import skills
from tests.services.commands import Command
from tests.services.settling import settle

Call = Callable[..., subprocess.CompletedProcess[str]]
SCRIPT = "import json\njson.dump(1, open('/sandbox/out/output.json', 'w'))\n"
PLACES = 3
SIZES = {"default_memory": "64Mi", "default_scratch": "32Mi"}
"""So that as many have room on any machine."""


@pytest.fixture
def pooled(installation: Settings, tmp_path: Path) -> Iterator[Runner]:
    """A runner of an installation with a pool; nothing waits afterwards."""
    changes = {"home": tmp_path / "home", "pool_max": PLACES, "pool_min": 1, **SIZES}
    made = Runner.from_settings(installation.model_copy(update=changes))
    skills.push(made, "one", SCRIPT)
    yield made
    settle()
    drain(made.installation)
    assert waiting(made) == set()


@pytest.fixture
def call(pooled: Runner, cli_environment: dict[str, str], command: Command) -> Call:
    """Calls the command in that installation."""
    settings = pooled.installation.settings

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        ours = {"SKILLBOX_HOME": str(settings.home), "SKILLBOX_POOL_MAX": str(PLACES)}
        ours |= {f"SKILLBOX_{name.upper()}": size for name, size in SIZES.items()}
        return command(*arguments, env={**cli_environment, **ours, **more})

    return run


def waiting(runner: Runner) -> set[str]:
    """Names of the waiting containers that the engine has."""
    instance = runner.installation.settings.instance
    found = runner.installation.engine.containers({LABEL_INSTANCE: instance})
    return {str(c["Names"][0]).lstrip("/") for c in found if LABEL_WAITING in c["Labels"]}


def ran(runner: Runner) -> str:
    """Runs the skill; the id of its execution, when all is done that comes after it."""
    result = runner.run(RunRequest(skill="one"))
    assert result.ok, result.error
    settle()
    return result.execution_id


def made(runner: Runner, image: str) -> str:
    """Makes a container that waits, from an image of the settings; its name."""
    installation = runner.installation
    name = installation.settings.image_aliases.get(image, image)
    found = installation.engine.image(name)
    assert found is not None
    before = waiting(runner)
    pool.refill(
        installation, Kind(found.id, 64 << 20, 32 << 20, CPU_PERIOD_US, "", 600, image=name, ready_for="a shell")
    )
    (new,) = waiting(runner) - before
    return new


def document(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_waits_is_listed_with_what_it_is_good_for(pooled: Runner, call: Call) -> None:
    empty = call("pool", "list")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert f"0 of {PLACES} places on {pooled.installation.engine.name}" in empty.stderr
    ran(pooled)
    (name,) = waiting(pooled)
    shown = document(call("pool", "list", "--json"))
    assert {**shown, "containers": []} == {
        "engine": pooled.installation.engine.name,
        "places": PLACES,
        "max": PLACES,
        "bound": "SKILLBOX_POOL_MAX",
        "containers": [],
    }
    (one,) = shown["containers"]
    settings = pooled.installation.settings
    image = settings.image_aliases.get("python:3.12-slim", "python:3.12-slim")
    assert (one["place"], one["name"], one["state"], one["why"]) == (0, name, "waiting", None)
    assert (one["image"], one["cpu"]) == (image, settings.default_cpu)
    assert one["memory"] == parse_memory_limit(settings.default_memory, "")
    assert one["scratch"] == parse_memory_limit(settings.default_scratch, "")
    assert one["ready_for"] == "python main.py: json"
    assert one["image_id"] == pooled.installation.engine.inspect(name)["Image"]
    assert one["made_at"] < one["ends_at"]
    row = call("pool", "list").stdout.rstrip("\n").split("\t")
    sizes = [settings.default_memory, settings.default_scratch, settings.default_cpu]
    assert row[:7] == [name, "waiting", image, "python main.py: json", *sizes]


def test_an_execution_says_which_container_it_has_taken(pooled: Runner, call: Call) -> None:
    cold = ran(pooled)
    (name,) = waiting(pooled)
    taken = ran(pooled)
    assert document(call("exec", "show", taken, "--json"))["container"] == name
    assert f"container:    {name}\n" in call("exec", "show", taken).stdout
    assert document(call("exec", "show", cold, "--json"))["container"] == f"skillbox-{cold}-1"
    assert waiting(pooled).isdisjoint({name}), "it was used twice"


def test_one_images_containers_are_given_up_or_all(pooled: Runner, call: Call) -> None:
    python, bash = made(pooled, "python:3.12-slim"), made(pooled, "bash:5")
    image = pooled.installation.settings.image_aliases.get("python:3.12-slim", "python:3.12-slim")
    assert document(call("pool", "drain", "--image", "bash:5", "--json")) == {
        "removed": [bash],
        "taken": [],
        "failed": [],
        "others": {image: 1},
    }
    assert waiting(pooled) == {python}
    none = call("pool", "drain", "--image", "bash:5")
    assert (none.returncode, none.stdout) == (0, f"nothing to remove of bash:5; what waits: 1 of {image}\n")
    assert call("pool", "drain").stdout == "1 waiting container removed\n"
    assert call("pool", "drain").stdout == "nothing to remove\n"
    assert call("pool", "drain", "--image", "bash:5").stdout == "nothing to remove of bash:5\n"
    two = {made(pooled, "bash:5") for _ in range(2)}
    assert waiting(pooled) == two
    assert call("pool", "drain", "--image", "bash:5").stdout == "2 waiting containers of bash:5 removed\n"
    assert waiting(pooled) == set()
    assert look(pooled.installation).entries == ()


def test_rows_and_containers_that_have_lost_each_other_are_said_and_given_up(pooled: Runner, call: Call) -> None:
    installation = pooled.installation
    gone, alone, ended = (made(pooled, "bash:5") for _ in range(3))
    installation.engine.remove(gone)
    assert installation.waiting.give_up(alone)
    installation.engine._api.kill(ended)
    found = {one["name"]: (one["state"], one["why"]) for one in document(call("pool", "list", "--json"))["containers"]}
    assert found == {
        gone: ("lost", "its container is gone"),
        ended: ("lost", "its container is exited"),
        alone: ("lost", "no record knows it"),
    }
    checks = {check["part"]: check for check in json.loads(call("doctor", "--json").stdout)}
    assert checks["pool"]["level"] == "WARN"
    assert "3 can't be used" in checks["pool"]["found"]
    assert "`skillbox pool drain`" in checks["pool"]["advice"]
    assert set(document(call("pool", "drain", "--json"))["removed"]) == {gone, alone, ended}
    assert look(installation).entries == ()
    assert waiting(pooled) == set()


def test_what_a_run_takes_meanwhile_is_its_own(pooled: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = pooled.installation
    ran(pooled)
    (name,) = waiting(pooled)
    before = look(installation)
    taken = ran(pooled)
    # What was listed before the run took it.
    monkeypatch.setattr("skillbox_core.operations.pool.look", lambda _installation: before)
    assert (drain(installation).removed, drain(installation).taken) == ((), (name,))
    assert installation.executions.claimers([name])[name].id == taken


def test_a_container_that_is_being_made_is_given_up_too(pooled: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = pooled.installation
    make, seen = pool.make_waiting, []

    def drained_meanwhile(*arguments: Any, **named: Any) -> None:
        make(*arguments, **named)
        seen.extend(look(installation).of(State.MAKING))
        seen.append(drain(installation))

    monkeypatch.setattr(pool, "make_waiting", drained_meanwhile)
    ran(pooled)
    entry, done = seen
    assert done.removed == (entry.name,)
    assert entry.name.startswith(PREFIX)
    assert waiting(pooled) == set()
    assert look(installation).entries == ()


def test_what_the_engine_does_not_remove_is_said_and_taken_by_nobody(
    pooled: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = pooled.installation
    first, second = made(pooled, "bash:5"), made(pooled, "bash:5")
    remove = installation.engine.remove

    def failing(name: str, **named: bool) -> bool:
        if name == first:
            raise EngineError("the disk is full")
        return remove(name, **named)

    with monkeypatch.context() as patched:
        patched.setattr(installation.engine, "remove", failing)
        done = drain(installation)
    assert (done.removed, done.failed) == ((second,), ((first, "the disk is full"),))
    assert [entry.why for entry in look(installation).entries] == ["no record knows it"]


def test_a_pool_that_is_off_says_so(call: Call) -> None:
    off = call("pool", "list", SKILLBOX_POOL_MAX="0")
    assert (off.returncode, off.stdout) == (0, "")
    assert "SKILLBOX_POOL_MAX is 0" in off.stderr
    checks = {check["part"]: check for check in json.loads(call("doctor", "--json", SKILLBOX_POOL_MAX="0").stdout)}
    assert checks["pool"]["level"] == "OK"
    assert checks["pool"]["found"].startswith("off")


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        (("pool", "list"), {"SKILLBOX_DOCKER_HOST": "unix:///no/where.sock"}, 4, "/no/where.sock"),
        (("pool", "drain"), {"SKILLBOX_DOCKER_HOST": "unix:///no/where.sock"}, 4, "/no/where.sock"),
        (("pool", "list"), {"SKILLBOX_DB_DSN": "postgresql://nobody@127.0.0.1:1/none"}, 4, "the database failed"),
        (("pool", "list"), {"SKILLBOX_POOL_MIN": "9"}, 2, "SKILLBOX_POOL_MIN 9 is above SKILLBOX_POOL_MAX"),
        (("pool", "drain", "--image", ""), {}, 2, "no image is meant"),
        (("pool", "drain", "--image", "sha256:ab"), {}, 2, "8 or more digits"),
        (("pool", "drian"), {}, 2, "drain"),
        (("pool", "drain", "--imgae", "x"), {}, 2, "--image"),
        (("pool", "list", "x"), {}, 2, "unexpected"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_code(
    call: Call, arguments: tuple[str, ...], settings: dict[str, str], code: int, said: str
) -> None:
    done = call(*arguments, **settings)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_help_says_what_the_commands_do(call: Call) -> None:
    assert {"list", "drain"} <= set(call("pool", "--help").stdout.split())
    told = " ".join(call("pool", "drain", "--help").stdout.split())
    assert "runs that have taken one go on" in told
    assert "unless SKILLBOX_POOL_MAX is 0" in told
