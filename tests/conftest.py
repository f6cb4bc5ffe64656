"""Real parts for every test: the installation's engine and images, a home of its own, skills made on the spot."""

from __future__ import annotations

import gc
import os
import secrets
import signal
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import hypothesis
import pytest
from hypothesis import HealthCheck

from skillbox_core.base.home import load_env_file
from tests.services import commands, shared
from tests.services.swift import S3Service

if TYPE_CHECKING:
    # Not loaded by a process that only deals tests: those that run them wait until it has started.
    from skillbox_core import Runner, RunResult, Settings

EXAMPLES = Path(__file__).parents[1] / "examples"
WAITING = {"live", "e2e", "faults"}
SEED = "SKILLBOX_TEST_SEED"
_SEED = pytest.StashKey[str]()
_ENDING = pytest.StashKey[ExitStack]()
_ASK = pytest.StashKey[shared.Ask]()
_ADDRESS = pytest.StashKey[str]()

hypothesis.settings.register_profile(
    "tests",
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tests")

load_env_file()
# Suites count containers, and look at those that were made for a run; what is about others asks for them. Here for all
# that a test starts, too; see `usual_pool`.
os.environ["SKILLBOX_POOL_MAX"] = "0"


def pytest_configure(config: pytest.Config) -> None:
    """Draws the seed of the property tests: another one each time, the same in all processes of a session.

    What a shell starts in the background ignores Ctrl-C, and so would the processes of the tests, which try it.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    given = config.getoption("hypothesis_seed", None)
    seed = os.environ.setdefault(SEED, str(secrets.randbits(32))) if given is None else str(given)
    hypothesis.core.global_force_seed = int(seed)
    config.stash[_SEED] = seed
    config.stash[_ENDING] = ending = ExitStack()
    if hasattr(config, "workerinput"):
        config.stash[_ASK] = shared.asked_at(config.workerinput["services"])
        return
    services = shared.Services()
    ending.callback(services.close)
    config.stash[_ASK] = services.ask
    config.stash[_ADDRESS] = ending.enter_context(shared.served(services))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tells a process that tests are dealt to whom it asks for services."""
    node.workerinput["services"] = node.config.stash[_ADDRESS]


def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the services, when all processes have ended."""
    if ending := config.stash.get(_ENDING, None):
        ending.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files marked `long` first, then those that wait for engines, servers and processes.

    Where files are dealt between processes, the short unit tests then fill what the long ones leave at the end.
    """
    tests = Counter(item.path for item in items)
    waiting = {item.path for item in items if _waits(item)}
    long = {item.path for item in items if item.get_closest_marker("long")}
    items.sort(key=lambda item: (item.path not in long, item.path not in waiting, -tests[item.path], item.path))


def pytest_collection_finish() -> None:
    """Leaves what was collected alone: the garbage collector would look through millions of objects again and again."""
    gc.collect()
    gc.freeze()


def _waits(item: pytest.Item) -> bool:
    return not WAITING.isdisjoint(item.path.parts) or "command" in getattr(item, "fixturenames", ())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says with which seed the property tests can be run again as they were."""
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"property tests: --hypothesis-seed={config.stash[_SEED]} repeats them")


@pytest.fixture(scope="session")
def database_dsn() -> str:
    """The installation's database; empty for SQLite in its home."""
    return ""


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory, database_dsn: str) -> Iterator[Settings]:
    """Settings of a fresh installation on the engine that `make setup` found; nothing of it may be left."""
    from skillbox_core import Runner, Settings
    from tests.services import settling

    settings = Settings(
        home=tmp_path_factory.mktemp("home"),
        instance=f"test-{uuid.uuid4().hex[:12]}",
        db_dsn=database_dsn,
        s3_endpoint="",
    )
    yield settings
    settling.settle()
    runner = Runner.from_settings(settings)
    left = runner.installation.engine.containers({"managed-by": "skillbox", "skillbox.instance": settings.instance})
    for container in left:
        runner.installation.engine.remove(container["Id"])
    assert [container["Names"] for container in left] == [], "containers were left behind"
    assert list((settings.home / "spool").glob("*/*")) == [], "spooled files were left behind"


@pytest.fixture(scope="session")
def runner(installation: Settings) -> Runner:
    """A runner with all example skills pushed."""
    from skillbox_core import Runner
    from skillbox_core.skills.package import package

    runner = Runner.from_settings(installation)
    for folder in sorted((EXAMPLES / "skills").iterdir()):
        target = installation.home / "example.zip"
        package(folder, target, installation.max_skill_size)
        runner.installation.registry.push("default", target)
        target.unlink()
    return runner


@pytest.fixture(scope="module")
def usual_pool(installation: Settings) -> Iterator[None]:
    """Containers wait for the flows of a module as where nobody has said anything of it; none is left at its end."""
    from skillbox_core import Installation
    from skillbox_core.operations.pool import drain
    from tests.services import settling

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SKILLBOX_POOL_MAX")
        yield
    settling.settle()
    assert drain(Installation.from_settings(installation)).failed == ()


@pytest.fixture(scope="module")
def usual_environment(usual_pool: None, cli_environment: dict[str, str]) -> dict[str, str]:
    """As `cli_environment`, with the pool that an installation has by default."""
    return {name: value for name, value in cli_environment.items() if name != "SKILLBOX_POOL_MAX"}


@pytest.fixture(scope="session")
def service(pytestconfig: pytest.Config) -> shared.Ask:
    """Gives a service of `tests.services.shared` by its name; skips where this machine has none."""

    def ask(name: str) -> Any:
        try:
            return pytestconfig.stash[_ASK](name)
        except shared.Missing as why:
            pytest.skip(str(why))

    return ask


@pytest.fixture(scope="session")
def s3(service: shared.Ask) -> S3Service:
    return service("s3")


@pytest.fixture(scope="session")
def database_url(service: shared.Ask) -> str:
    """A cluster that other processes use too: each test takes a database of its own (`fresh_database`)."""
    return service("postgres")


Run: TypeAlias = "Callable[..., RunResult]"
MakeSkill = Callable[..., str]


@pytest.fixture
def make_skill(runner: Runner) -> MakeSkill:
    """Pushes a skill with this script and returns its name; each call makes a new one."""
    from tests.services import skills

    def make(script: str, **details: Any) -> str:
        name = f"t-{uuid.uuid4().hex[:12]}"
        skills.push(runner, name, script, **details)
        return name

    return make


@pytest.fixture
def run(runner: Runner, make_skill: MakeSkill) -> Run:
    """Runs a script as a skill: `run(script, input, lang=..., front=..., env=..., **options)`."""
    from skillbox_core import RunOptions, RunRequest

    def run_script(
        script: str, input: Any = None, *, lang: str = "python", front: str = "", env: dict[str, str] | None = None,
        files: dict[str, str] | None = None, files_in: Any = (), on_log: Any = None, cancel: Any = None,
        **options: Any,
    ) -> RunResult:  # fmt: skip
        name = make_skill(script, lang=lang, front=front, files=files)
        request = RunRequest(skill=name, input=input, env=env or {})
        return runner.run(request, RunOptions(files=files_in, **options), on_log=on_log, cancel=cancel)

    return run_script


@pytest.fixture(scope="session")
def command() -> Iterator[commands.Command]:
    """Calls the `skillbox` command in a process of its own."""
    with commands.commands() as call:
        yield call


@pytest.fixture(scope="session")
def cli_environment(installation: Settings) -> dict[str, str]:
    """The environment in which the command line uses the test installation."""
    return {
        **os.environ,
        "SKILLBOX_HOME": str(installation.home),
        "SKILLBOX_INSTANCE": installation.instance,
        "NO_COLOR": "1",
    }
