"""A small output that is sent along is the output that would have been read, and nobody takes it for log."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Status
from skillbox_core.models import Call
from skillbox_core.run.steps import Steps
from skillbox_core.sandbox import inline
from skillbox_core.sandbox.engine import Engine
from skillbox_core.sandbox.logs import Announcement, Line, LineReader
from skillbox_core.storage.tables import ExecutionRow
from tests.conftest import MakeSkill
from tests.hostile.images import made_image

ANSWER = "import json, os; json.dump({}, open('/sandbox/out/output.json', 'w')); os.chdir('/sandbox/out/files')\n"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The containers in which something was executed, one for each call."""
    containers: list[str] = []
    execute = Engine.execute

    def counted(engine: Engine, container: str, *args: Any, **options: Any) -> Any:
        containers.append(container)
        return execute(engine, container, *args, **options)

    monkeypatch.setattr(Engine, "execute", counted)
    return containers


def way(runner: Runner, *, inline_output: bool, **settings: Any) -> Runner:
    """A worker that asks for outputs to be sent along, or does not."""
    changes = {"inline_output": inline_output, **settings}
    return Runner.from_settings(runner.installation.settings.model_copy(update=changes))


def kept(runner: Runner, result: RunResult) -> dict[str, Any]:
    """What a record has, but for what no two runs share. The digest of the files is that of the archive's bytes."""
    row: ExecutionRow = runner.installation.executions.get("default", result.execution_id)
    own = {"id", "created_at", "deadline_at", "finished_at", "duration_ms", "idempotency_key", "request_digest"}
    own |= {"cpu_seconds", "peak_memory", "file_memory", "files_key"}
    return row.model_dump(exclude=own)


def both_ways(runner: Runner, name: str, asked: list[str], options: RunOptions | None = None) -> tuple[RunResult, int]:
    """Runs a skill with and without its output being sent along, and holds one against the other.

    Returns:
        The result, and how often something was executed in the first one's sandbox.
    """
    request, options = RunRequest(skill=name), options or RunOptions()
    told: list[tuple[str, str]] = []
    first = way(runner, inline_output=True).run(request, options, on_log=lambda *line: told.append(line))
    calls = len(asked)
    second = way(runner, inline_output=False).run(request, options)
    assert len(asked) == calls + 1, "reading the sandbox takes a call"
    own = {"execution_id", "duration_ms", "files_url", "usage"}
    assert first.model_dump(exclude=own) == second.model_dump(exclude=own)
    assert kept(runner, first) == kept(runner, second)
    printed = [line for line in first.logs.splitlines() if not line.startswith("[skillbox: not collected: ")]
    assert sorted(line for _, line in told) == sorted(printed)
    assert "\x1e" not in first.logs
    return first, calls


OUTPUTS: dict[str, tuple[str, int]] = {
    "document": (ANSWER, 0),
    "no document": ("print('nothing')", 0),
    "a document that is no JSON": ("open('/sandbox/out/output.json', 'w').write('{')", 0),
    "files only": ("open('/sandbox/out/files/a.bin', 'wb').write(bytes(range(256)) * 10)", 0),
    "63 KiB": (ANSWER + "open('a', 'w').write('x' * (63 * 1024 - 2))", 0),
    "64 KiB less a byte": (ANSWER + "open('a', 'w').write('x' * (64 * 1024 - 3))", 0),
    "64 KiB": (ANSWER + "open('a', 'w').write('x' * (64 * 1024 - 2))", 0),
    "80 KiB": (ANSWER + "open('a', 'w').write('x' * (80 * 1024))", 1),
    "2 MiB": (ANSWER + "open('a', 'w').write('x' * (2 * 1024**2))", 1),
    "twenty files": (ANSWER + "for n in range(20): open(f'{n}', 'w').write(f'{n}' * n)", 0),
    "two hundred files": (ANSWER + "for n in range(200): open(f'{n}', 'w').write('')", 1),
    "names in Unicode": (ANSWER + "os.mkdir('Überblick'); open('Überblick/表.csv', 'w').write('ä')", 0),
    "names of 255 bytes": (ANSWER + "open('x' * 255, 'w').write('x')", 0),
    "names with newlines": (ANSWER + "open('a\\nb', 'w').write('x'); open('ok', 'w').write('x')", 0),
    "names that are no UTF-8": (ANSWER + "open(b'a\\xff', 'w').write('x'); open('ok', 'w').write('x')", 0),
    "empty folders": (ANSWER + "os.makedirs('a/b/c'); open('x', 'w').write('x')", 0),
    "twenty levels": (ANSWER + "os.makedirs('a/' * 20); open('a/' * 20 + 'x', 'w').write('x')", 0),
    "a hundred levels": (ANSWER + "os.makedirs('a/' * 100); open('a/' * 100 + 'x', 'w').write('x')", 1),
    "links and pipes": (
        ANSWER
        + "open('x', 'w').write('x'); os.link('x', 'hard'); os.symlink('/etc/passwd', 'soft'); os.mkfifo('pipe')\n"
        + "import socket; socket.socket(socket.AF_UNIX).bind('socket')",
        0,
    ),
    "beside the folder": (ANSWER + "open('/sandbox/out/else', 'w').write('x')", 0),
    "a folder that is a link": (ANSWER + "os.rmdir('/sandbox/out/files'); os.symlink('/etc', '/sandbox/out/files')", 0),
    "a file that can't be read": (ANSWER + "open('x', 'w').write('x'); os.chmod('x', 0)", 1),
    "a folder that can't be read": (ANSWER + "os.mkdir('a'); open('a/x', 'w').write('x'); os.chmod('a', 0)", 1),
    "a file of holes": (ANSWER + "open('x', 'w').truncate(50 * 1024**2)", 1),
    "an exit code": (ANSWER + "open('x', 'w').write('x'); print('why'); raise SystemExit(3)", 0),
    "behind an unfinished line": (ANSWER + "print('one'); print(end='two', flush=True)", 0),
    "behind empty lines": (ANSWER + "print('one\\n\\n')", 0),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_both_ways_give_the_same_result_record_and_archive(
    runner: Runner, make_skill: MakeSkill, asked: list[str], case: str
) -> None:
    script, calls = OUTPUTS[case]
    _, executed = both_ways(runner, make_skill(script), asked)
    assert executed == calls


PROGRAMS = {
    "python": ANSWER + "open('ä.txt', 'w').write('x' * 9000)",
    "node": """
const fs = require('fs');
fs.writeFileSync('/sandbox/out/output.json', '{}');
fs.writeFileSync('/sandbox/out/files/ä.txt', 'x'.repeat(9000));
""",
    "bash": "echo '{}' >/sandbox/out/output.json; printf '%9000s' x >/sandbox/out/files/ä.txt",
}


@pytest.mark.parametrize("lang", PROGRAMS)
def test_no_call_is_made_for_a_small_output_on_each_image(
    runner: Runner, make_skill: MakeSkill, asked: list[str], lang: str
) -> None:
    result, executed = both_ways(runner, make_skill(PROGRAMS[lang], lang=lang), asked)
    assert (result.status, result.output, result.files_list) == (Status.SUCCESS, {}, ("ä.txt",))
    assert executed == 0


@pytest.mark.parametrize(("result", "printed"), [("json", '[1, "ä"]'), ("text", "a\\nb")])
def test_what_a_called_script_prints_comes_along(
    runner: Runner, make_skill: MakeSkill, asked: list[str], result: str, printed: str
) -> None:
    name = make_skill("print()", files={"says.py": f"print('{printed}')"})
    _, executed = both_ways(runner, name, asked, RunOptions(call=Call(script="says.py", result=result)))
    assert executed == 0


def launched(runner: Runner, name: str, **settings: Any) -> tuple[Any, Any, RunOptions]:
    """A sandbox whose worker is lost at once; its name, its execution's id and the key that finds it again."""
    lost = Steps(way(runner, **{"inline_output": True, **settings}).installation)
    request, options = RunRequest(skill=name), RunOptions(key=uuid.uuid4().hex)
    execution = lost.create_record(request, options)
    return lost.create_container(execution, lost.load_skill(execution, options), request, options), execution, options


def log_of(runner: Runner, container: str, token: str) -> list[Line | Announcement]:
    """What the engine's log has."""
    reader = LineReader(token)
    return [item for chunk in runner.installation.engine.logs(container) for item in reader.feed(chunk)]


def once(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return found


def drained(runner: Runner, sandbox: Any, token: str) -> list[Line | Announcement]:
    """The engine's log, once its stdout is at its end."""

    def whole() -> list[Line | Announcement]:
        log = log_of(runner, sandbox.container_id, token)
        return log if any(isinstance(item, Announcement) and item.word == "drained" for item in log) else []

    log: list[Line | Announcement] = once(whole)
    return log


def words(log: list[Line | Announcement], word: str) -> list[Announcement]:
    return [item for item in log if isinstance(item, Announcement) and item.word == word]


def test_another_worker_reads_the_sandbox_and_shows_none_of_what_was_sent(
    runner: Runner, make_skill: MakeSkill, asked: list[str]
) -> None:
    name = make_skill(ANSWER + "print('line'); open('x', 'w').write('x' * 30_000)")
    sandbox, execution, options = launched(runner, name)
    assert words(drained(runner, sandbox, execution.id), "output")
    told: list[str] = []
    other = way(runner, inline_output=True)
    result = other.run(RunRequest(skill=name), options, on_log=lambda _, line: told.append(line))
    assert (result.execution_id, result.status, result.logs) == (execution.id, Status.SUCCESS, "line\n")
    assert (told, asked) == (["line"], [sandbox.container_id])


@pytest.mark.parametrize(
    ("script", "inline_output", "sent"),
    [
        (ANSWER, True, True),
        (ANSWER, False, False),
        (ANSWER + "open('x', 'w').write('x' * 200_000)", True, False),
    ],
    ids=["by default", "switched off", "too large"],
)
def test_the_engines_log_has_an_output_that_was_sent_and_no_part_of_another(
    runner: Runner, make_skill: MakeSkill, script: str, inline_output: bool, sent: bool
) -> None:
    sandbox, execution, _ = launched(runner, make_skill(script), inline_output=inline_output)
    try:
        log = drained(runner, sandbox, execution.id)
    finally:
        runner.installation.engine.remove(sandbox.name)
    assert bool(words(log, "output")) is sent
    assert words(log, "drained")[0].number("output") == len(words(log, "output"))


def test_the_engine_keeps_as_much_of_the_skills_log_as_without_it(runner: Runner, make_skill: MakeSkill) -> None:
    # Lines of a thousand bytes, which the engine's file has with 28 more, are a megabyte together.
    script = ANSWER + "open('x', 'w').write('x' * 64_000)\nfor n in range(960): print(f'{n:03}' + 'x' * 996)"
    sandbox, execution, _ = launched(runner, make_skill(script))
    try:
        log = drained(runner, sandbox, execution.id)
    finally:
        runner.installation.engine.remove(sandbox.name)
    assert len(words(log, "output")) > inline.LINES * 0.9
    assert [item.text[:3] for item in log if isinstance(item, Line)] == [f"{n:03}" for n in range(960)]


REAL = """mv "$(command -v {tool})" /usr/bin/real-{tool}
cat >/usr/bin/{tool} <<"END"
#!/bin/sh
{script}
END
chmod 755 /usr/bin/{tool}"""
FIRST = """case "$1" in -cf) if mkdir /tmp/first 2>/dev/null; then {first}; exit; fi; esac
exec /usr/bin/real-tar "$@"
"""


def tool(name: str, script: str) -> str:
    return REAL.format(tool=name, script=script)


def first_tar(script: str) -> str:
    """A tar that does something else than pack when it is asked to for the first time."""
    return tool("tar", FIRST.format(first=script))


IMAGES = {
    "no base64": 'rm -f "$(command -v base64)"',
    "a base64 without -w": tool("base64", '[ "$1" = -w ] && exit 1; exec real-base64'),
    "a base64 that writes a line of all": tool("base64", "exec real-base64 -w 0"),
    "a base64 that writes garbage": tool("base64", "cat >/dev/null; yes '!!!!' | head -n 20"),
    "a base64 that writes something else": tool("base64", "cat >/dev/null; echo something else | real-base64"),
    "a base64 without an end": tool("base64", "yes QUJD"),
    "a base64 without a newline": tool("base64", "yes QUJD | tr -d '\\n'"),
    "a base64 that stalls": tool("base64", "sleep 60"),
    "a tar that stalls": first_tar("sleep 60"),
    "a tar that breaks off": first_tar('/usr/bin/real-tar "$@" | head -c 700'),
    "a tar that fails": first_tar('/usr/bin/real-tar "$@"; exit 2'),
    "a tar that is none": first_tar("head -c 5000 /dev/urandom"),
    "a tar without an end": first_tar("cat /dev/zero"),
    "bash as sh": "ln -sf bash /bin/sh",
}
SENT = {"bash as sh"}


@pytest.mark.parametrize("case", IMAGES)
def test_whatever_an_images_tools_send_the_sandbox_is_read_in_the_end(
    runner: Runner, make_skill: MakeSkill, asked: list[str], case: str
) -> None:
    settings = runner.installation.settings
    told: list[str] = []
    with made_image(runner.installation.engine, settings, {"run": IMAGES[case]}) as image:
        name = make_skill(ANSWER + "open('x', 'w').write('x' * 3000); print('line')", front=f"image: {image}")
        allowed = way(runner, inline_output=True, image_allowlist=(*settings.image_allowlist, image))
        began = time.monotonic()
        result = allowed.run(RunRequest(skill=name), RunOptions(), on_log=lambda _, line: told.append(line))
    assert (result.status, result.output, result.files_list) == (Status.SUCCESS, {}, ("x",)), result
    assert (result.logs, told) == ("line\n", ["line"])
    assert len(asked) == (0 if case in SENT else 1)
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("case", ["a tar that stalls", "a base64 that stalls"])
def test_a_sandbox_whose_tools_stall_ends_itself_all_the_same(runner: Runner, make_skill: MakeSkill, case: str) -> None:
    settings, engine = runner.installation.settings, runner.installation.engine
    with made_image(engine, settings, {"run": IMAGES[case]}) as image:
        name = make_skill(ANSWER, front=f"image: {image}")
        allowlist = (*settings.image_allowlist, image)
        sandbox, _, _ = launched(runner, name, image_allowlist=allowlist, collect_ttl="2s")
        try:
            once(lambda: not engine.inspect(sandbox.container_id)["State"]["Running"])
            assert engine.inspect(sandbox.container_id)["State"]["ExitCode"] == 0
        finally:
            engine.remove(sandbox.name)


@pytest.mark.parametrize("case", ["a base64 without an end", "a base64 without a newline", "a tar without an end"])
def test_a_tool_without_an_end_is_cut_and_nothing_of_it_is_sent(
    runner: Runner, make_skill: MakeSkill, case: str
) -> None:
    settings, engine = runner.installation.settings, runner.installation.engine
    with made_image(engine, settings, {"run": IMAGES[case]}) as image:
        allowlist = (*settings.image_allowlist, image)
        sandbox, execution, _ = launched(runner, make_skill(ANSWER, front=f"image: {image}"), image_allowlist=allowlist)
        try:
            (last,) = words(drained(runner, sandbox, execution.id), "drained")
        finally:
            engine.remove(sandbox.name)
    assert last.number("output") == 0


def test_an_output_that_nobody_collected_is_forgotten_with_its_run(
    runner: Runner, make_skill: MakeSkill, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = way(runner, inline_output=True)

    def interrupted(*_: Any, **__: Any) -> Any:
        assert one.installation.connections._outputs
        raise KeyboardInterrupt

    monkeypatch.setattr(Steps, "collect_output", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.run(RunRequest(skill=make_skill(ANSWER)))
    assert not one.installation.connections._outputs


def test_an_output_can_be_collected_again_from_the_sandbox(
    runner: Runner, make_skill: MakeSkill, asked: list[str]
) -> None:
    """As after a try that met a full disk."""
    one = way(runner, inline_output=True)
    steps = Steps(one.installation)
    request, options = RunRequest(skill=make_skill(ANSWER)), RunOptions(key=uuid.uuid4().hex)
    execution = steps.create_record(request, options)
    skill = steps.load_skill(execution, options)
    sandbox = steps.create_container(execution, skill, request, options)
    try:
        steps.wait(execution, skill, sandbox)
        first, second = (steps.collect_output(execution, skill, sandbox) for _ in range(2))
        assert first == second
        assert asked == [sandbox.container_id]
    finally:
        one.installation.engine.remove(sandbox.name)


def test_many_at_once_each_get_their_own(runner: Runner, make_skill: MakeSkill, asked: list[str]) -> None:
    name = make_skill(
        "import json; json.dump(json.load(open('/sandbox/input.json')), open('/sandbox/out/output.json', 'w'))"
    )
    one, results = way(runner, inline_output=True), {}

    def run(number: int) -> None:
        results[number] = one.run(RunRequest(skill=name, input=number)).output

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: number for number in range(6)}
    assert asked == []
