"""Input files on a real engine: how they lie inside, where they come from, and that nothing of them stays."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import (
    CancelToken,
    Reason,
    Runner,
    RunOptions,
    RunRequest,
    RunResult,
    Settings,
    Status,
    files_from,
    input_files,
)
from skillbox_core.errors import EngineError, InvalidRequestError, StorageError
from skillbox_core.inputs.local import digest_local
from skillbox_core.models import FileDigest, Verdict
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox.container import LABEL_INSTANCE
from skillbox_core.sandbox.delivery import TarPlan
from tests.conftest import MakeSkill, Run
from tests.services.settling import containers_left
from tests.services.web import Page, web

LIST = """
import json, os
top = os.environ["SANDBOX_INPUT_FILES_DIR"]
found = {}
for folder, _, names in os.walk(top):
    for name in names:
        path = os.path.join(folder, name)
        found[os.path.relpath(path, top)] = open(path, errors="replace").read(40)
json.dump(found, open("/sandbox/out/output.json", "w"))
"""
LEAVE = """
import json, os
for name in ("a.csv", "groups/b.csv"):
    path = "/sandbox/out/files/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    open(path, "w").write("in " + name)
json.dump({}, open("/sandbox/out/output.json", "w"))
"""


@pytest.fixture
def earlier(run: Run) -> RunResult:
    """A run that left a.csv and groups/b.csv."""
    return run(LEAVE).raise_for_status()


@pytest.fixture
def given(run: Run, runner: Runner) -> Iterator[Any]:
    """Runs a skill that lists what it is given; nothing may be left in the spool."""

    def list_files(files: Any, **options: Any) -> Any:
        return run(LIST, files_in=input_files(files), **options)

    yield list_files
    assert list(runner.installation.spool.iterdir()) == []


@pytest.mark.parametrize("lang", ["bash", "python", "node"])
def test_they_lie_read_only_in_their_folder_and_the_folder_is_always_there(run: Run, lang: str, tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "x.sh").write_text("x")
    (tmp_path / "deep" / "er" / "x.sh").chmod(0o6777)
    start = {
        "bash": "sh /sandbox/scripts/look.sh",
        "python": "import os; os.system('sh /sandbox/scripts/look.sh')",
        "node": "require('child_process').spawnSync('sh', ['/sandbox/scripts/look.sh'], {stdio: 'inherit'})",
    }[lang]
    look = (
        "find /sandbox/in -printf '%m %P\\n' | sort; touch /sandbox/in/files/new\n"
        "echo x >>${SANDBOX_INPUT_FILES_DIR}deep/er/x.sh; echo '{}' >/sandbox/out/output.json\n"
    )
    result = run(start, lang=lang, files={"look.sh": look}, files_in=input_files(tmp_path / "deep"))
    assert result.raise_for_status().logs.count("ermission denied") == 2, result.logs
    seen = {line for line in result.logs.splitlines() if "denied" not in line}
    assert seen == {"555 ", "555 files", "555 files/deep", "555 files/deep/er", "444 files/deep/er/x.sh"}
    without = run(start, lang=lang, files={"look.sh": look}).raise_for_status()
    assert {"555 ", "555 files"} <= set(without.logs.splitlines())


def test_the_files_of_an_earlier_run_become_the_next_ones(given: Any, earlier: RunResult, runner: Runner) -> None:
    whole = {"a.csv": "in a.csv", "groups/b.csv": "in groups/b.csv"}
    for files, inside in (
        (earlier, whole),
        ({"t": earlier}, {f"t/{name}": text for name, text in whole.items()}),
        (files_from(earlier, "groups/b.csv"), {"groups/b.csv": "in groups/b.csv"}),
        ({"x.csv": files_from(earlier, "a.csv"), "y.csv": files_from(earlier, "a.csv")},
         {"x.csv": "in a.csv", "y.csv": "in a.csv"}),
    ):  # fmt: skip
        result = given(files).raise_for_status()
        assert result.output == inside
        row = runner.installation.executions.get("default", result.execution_id)
        digests = {file.path: file for file in earlier.artifacts.files}
        assert [FileDigest(*file) for file in json.loads(row.input_files)] == [
            FileDigest(name, len(text), digests[text.removeprefix("in ")].sha256)
            for name, text in sorted(inside.items())
        ]


def test_paths_and_urls_can_be_mixed_and_renamed(given: Any, earlier: RunResult, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.csv").write_text("by path")
    (tmp_path / "é.csv").write_text("é")
    with web({"/w%20b.csv": Page([b"by ", b"web"])}) as address:
        files = [
            tmp_path / "data",
            (tmp_path / "é.csv").as_uri(),
            f"{address}/w%20b.csv?signature=1",
            {"named.csv": f"{address}/w%20b.csv", "runs/one": earlier},
        ]
        result = given(files)
    assert result.raise_for_status().output == {
        "data/x.csv": "by path",
        "é.csv": "é",
        "w b.csv": "by web",
        "named.csv": "by web",
        "runs/one/a.csv": "in a.csv",
        "runs/one/groups/b.csv": "in groups/b.csv",
    }


def _link(at: Path, to: str) -> Path:
    at.symlink_to(to)
    return at


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda top, home: top / "missing", "there is no file or folder"),
        (lambda top, home: (top / "link").symlink_to("/etc/passwd") or top, "link is a symbolic link"),
        (lambda top, home: (top / "link").symlink_to("/etc") or top, "link is a symbolic link"),
        (lambda top, home: os.mkfifo(top / "pipe") or top, "not a plain file"),
        (lambda top, home: Path("/dev/zero"), "not a plain file"),
        (lambda top, home: Path("/proc/self/environ"), "the kernel's"),
        (lambda top, home: _link(top / "link", "/proc/self/environ"), "the kernel's"),
        (lambda top, home: Path("/sys/kernel"), "the kernel's"),
        (lambda top, home: home / "skillbox.db", "belongs to the installation"),
        (lambda top, home: home.parent, "contains the folder of the installation"),
        (lambda top, home: (top / "home").symlink_to(home) or top / "home" / "store", "belongs to the installation"),
        (lambda top, home: (top / "a").symlink_to(top / "a") or top / "a", "itself"),
        (lambda top, home: "nosuch://x/y", "can't be opened"),
        (lambda top, home: "simplecache::file:///etc/passwd", "there is no file or folder"),
        (lambda top, home: "zip://x::file:///etc/passwd", "chain"),
        (lambda top, home: "file:///etc/shadow/x", "can't be read"),
        (lambda top, home: "file://[x", "can't be read"),
        (lambda top, home: "http://[x", "can't be read"),
        (lambda top, home: "zip://x", "can't be opened"),
        (lambda top, home: "generic://x", "can't be opened"),
        (lambda top, home: "dir://x", "can't be opened"),
    ],
)
def test_what_is_no_file_or_not_for_skills_is_refused_before_the_record(
    runner: Runner, tmp_path: Path, make: Any, said: str
) -> None:
    before = len(runner.installation.executions.list("default", limit=1000))
    with pytest.raises(InvalidRequestError) as caught:
        runner.run(
            RunRequest(skill="stats"), RunOptions(files=input_files(make(tmp_path, runner.installation.settings.home)))
        )
    assert said in str(caught.value)
    assert len(runner.installation.executions.list("default", limit=1000)) == before


def test_a_run_without_a_file_that_its_skill_needs_ends_before_there_is_a_container(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name, data = make_skill(LIST, front="input_files: ['*.csv']"), tmp_path / "orders.csv"
    data.write_text("n\n1\n")
    without = runner.run(RunRequest(skill=name))
    assert (without.status, without.reason, without.usage.exit_code) == (Status.FAILED, Reason.INPUT, None)
    assert without.error is not None
    assert without.error.startswith(f"{name} needs the file *.csv, and it was given none")
    assert runner.run(RunRequest(skill=name), RunOptions(files=input_files(str(data)))).output == {
        "orders.csv": "n\n1\n"
    }


def test_a_file_whose_size_is_not_what_the_system_says_is_refused() -> None:
    # As it is where the kernel's files are mounted elsewhere.
    with pytest.raises(InvalidRequestError, match="its size is not what the system says"):
        digest_local(Path("/proc/self/environ"), 0)


def test_a_file_that_leads_elsewhere_by_the_time_it_is_copied_is_refused(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill(LIST)
    (tmp_path / "x.csv").write_text("before")
    options = RunOptions(files=input_files(tmp_path / "x.csv"))
    for change in (
        lambda: (tmp_path / "x.csv").write_text("after"),
        lambda: ((tmp_path / "x.csv").unlink(), (tmp_path / "x.csv").symlink_to("/etc/passwd")),
        lambda: (tmp_path / "x.csv").unlink(),
    ):
        steps = Steps(
            runner.installation,
        )
        execution = steps.create_record(RunRequest(skill=name), options)
        skill = steps.load_skill(execution, options)
        change()
        with pytest.raises(InvalidRequestError, match=r"changed while|can't be read"):
            steps.create_container(execution, skill, RunRequest(skill=name), options)
        assert containers_left(runner.installation.engine, {"skillbox.execution": execution.id}) == []
        assert list(runner.installation.spool.iterdir()) == []
        steps.cleanup(execution, Verdict(Status.FAILED))
        (tmp_path / "x.csv").unlink(missing_ok=True)
        (tmp_path / "x.csv").write_text("before")


def test_a_page_that_is_not_there_is_a_wrong_request_and_a_server_in_trouble_may_be_asked_again(
    runner: Runner,
) -> None:
    secret = uuid.uuid4().hex
    with web({"/down": Page(status=503), "/forbidden": Page(status=403)}) as address:
        for page, kind in (("gone", InvalidRequestError), ("down", StorageError), ("forbidden", StorageError)):
            with pytest.raises(kind, match=f"{address}/{page}") as caught:
                runner.run(RunRequest(skill="stats"), RunOptions(files=input_files(f"{address}/{page}?word={secret}")))
            assert secret not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(StorageError, match=address) as caught:
        runner.run(RunRequest(skill="stats"), RunOptions(files=input_files(f"{address}/x?word={secret}")))
    assert caught.value.retryable
    assert secret not in "".join(traceback.format_exception(caught.value))


def test_a_page_that_breaks_off_is_no_file(runner: Runner, make_skill: MakeSkill) -> None:
    with web({"/x": Page([b"half"], headers={"Content-Length": "8"}, says_length=False)}) as address:
        result = runner.run(RunRequest(skill=make_skill(LIST)), RunOptions(files=input_files(f"{address}/x")))
    assert (result.status, result.reason) == (Status.FAILED, Reason.INFRASTRUCTURE), result
    assert list(runner.installation.spool.iterdir()) == []


@pytest.mark.parametrize("says_length", [True, False])
def test_what_is_over_the_limit_is_refused_also_when_its_size_is_not_told(
    installation: Settings, runner: Runner, make_skill: MakeSkill, says_length: bool, tmp_path: Path
) -> None:
    small = Runner.from_settings(installation.model_copy(update={"max_input_files_size": 100_000}))
    name = make_skill(LIST)
    (tmp_path / "big").write_bytes(bytes(100_001))
    with pytest.raises(InvalidRequestError, match="SKILLBOX_MAX_INPUT_FILES_SIZE"):
        small.run(RunRequest(skill=name), RunOptions(files=input_files(tmp_path / "big")))
    with web({"/big": Page([bytes(50_000)] * 3, says_length=says_length)}) as address:
        options = RunOptions(files=input_files(f"{address}/big"))
        if says_length:
            with pytest.raises(InvalidRequestError, match="SKILLBOX_MAX_INPUT_FILES_SIZE"):
                small.run(RunRequest(skill=name), options)
        else:
            result = small.run(RunRequest(skill=name), options)
            assert (result.status, result.reason) == (Status.FAILED, Reason.INPUT)
            assert "SKILLBOX_MAX_INPUT_FILES_SIZE" in (result.error or "")
    assert list(small.installation.spool.iterdir()) == []


def test_files_that_do_not_fit_the_scratch_area_are_refused_with_the_way_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    result = run(LIST, front="resources: {scratch: 2Mi}", files_in=input_files(tmp_path / "big"))
    assert (result.status, result.reason) == (Status.FAILED, Reason.INPUT)
    assert "resources.scratch" in (result.error or "")


def test_a_request_is_known_again_by_the_contents_of_its_files(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill(LIST)
    request = RunRequest(skill=name)
    (tmp_path / "one.csv").write_text("same")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "one.csv").write_text("same")

    def options(place: Path, attempt: int) -> RunOptions:
        return RunOptions(files=input_files(place), key=f"{name}/{attempt}", owner=name, owner_attempt=attempt)

    first = runner.run(request, options(tmp_path / "one.csv", 1))
    assert runner.run(request, options(tmp_path / "two" / "one.csv", 2)).execution_id == first.execution_id
    (tmp_path / "one.csv").write_text("other")
    with pytest.raises(InvalidRequestError, match="another request"):
        runner.run(request, options(tmp_path / "one.csv", 2))
    assert runner.run(request, options(tmp_path / "one.csv", 3)).execution_id != first.execution_id


@pytest.mark.parametrize("whole", [2, 4, 6])
def test_a_delivery_that_breaks_off_between_two_files_starts_nothing(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: int
) -> None:
    names = [f"{number}.csv" for number in range(6)]
    for name in names:
        (tmp_path / name).write_text(name)
    plans: list[TarPlan] = []
    deliver = TarPlan.__iter__

    def break_off(plan: TarPlan) -> Iterator[bytes]:
        plans.append(plan)
        if len(plans) > 1:
            yield from deliver(plan)
            return
        # Of each file its header, its contents and what fills its last block.
        yield from itertools.islice(deliver(plan), 3 * whole)
        raise EngineError("the engine went away")

    monkeypatch.setattr(TarPlan, "__iter__", break_off)
    result = runner.run(
        RunRequest(skill=make_skill(LIST)), RunOptions(files=input_files([tmp_path / n for n in names]))
    )
    assert (result.status, result.output) == (Status.SUCCESS, {name: name for name in names}), result
    assert len(plans) == 2


def test_a_run_that_is_taken_over_needs_its_files_no_more(
    runner: Runner, make_skill: MakeSkill, tmp_path: Path
) -> None:
    name = make_skill("import time; time.sleep(1)\n" + LIST)
    with web(pages := {"/x.csv": Page([b"web"])}) as address:
        request, options = (
            RunRequest(skill=name),
            RunOptions(key="taken-" + name, files=input_files(f"{address}/x.csv")),
        )
        lost = Steps(Runner.from_settings(runner.installation.settings).installation)
        execution = lost.create_record(request, options)
        sandbox = lost.create_container(execution, lost.load_skill(execution, options), request, options)
        again = Steps(Runner.from_settings(runner.installation.settings).installation)
        taken = again.create_record(request, options)
        pages.clear()
        assert again.create_container(taken, again.load_skill(taken, options), request, options).name == sandbox.name
        pages["/x.csv"] = Page([b"web"])
        assert runner.run(request, options).raise_for_status().output == {"x.csv": "web"}


def test_a_run_is_cancelled_while_its_files_are_still_coming(runner: Runner, make_skill: MakeSkill) -> None:
    name, token, coming = make_skill(LIST), CancelToken(), threading.Event()

    def slow() -> Iterator[bytes]:
        while not token.cancelled:
            coming.set()
            yield bytes(2**20)
            time.sleep(0.05)
        yield bytes(2**20)

    with web({"/x": Page(slow(), says_length=False)}) as address:
        stopper = threading.Thread(target=lambda: (coming.wait(30), token.cancel()))
        stopper.start()
        result = runner.run(RunRequest(skill=name), RunOptions(files=input_files(f"{address}/x")), cancel=token)
        stopper.join()
    assert (result.status, result.reason) == (Status.CANCELLED, None)
    assert containers_left(runner.installation.engine, {LABEL_INSTANCE: runner.installation.settings.instance}) == []
    assert list(runner.installation.spool.iterdir()) == []


def test_200_mb_pass_in_little_memory(runner: Runner, make_skill: MakeSkill, tmp_path: Path) -> None:
    name = make_skill(LIST)
    with (tmp_path / "big").open("wb") as file:
        for _ in range(200):
            file.write(os.urandom(1_000_000))
    code = """
import resource, sys
from skillbox_core import Runner, RunRequest, RunOptions, input_files
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
runner, (name, path) = Runner.from_settings(), sys.argv[1:]
small, big = (RunOptions(files=input_files(p)) for p in (__file__, path))
assert runner.run(RunRequest(skill=name), small).ok
before = peak()
result = runner.run(RunRequest(skill=name), big)
assert result.ok, result
print((peak() - before) // 1024)
"""
    script = tmp_path / "measure.py"
    script.write_text(code)
    environment = {
        **os.environ,
        "SKILLBOX_HOME": str(runner.installation.settings.home),
        "SKILLBOX_INSTANCE": runner.installation.settings.instance,
        "SKILLBOX_MAX_INPUT_FILES_SIZE": "300000000",
    }
    done = subprocess.run(
        [sys.executable, str(script), name, str(tmp_path / "big")], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32, "MiB more than a small file takes"
