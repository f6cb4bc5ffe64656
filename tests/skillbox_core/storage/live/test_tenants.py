"""What one tenant has, no other reaches: every path that reads or writes, on both kinds of storage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from skillbox_core import Runner, RunOptions, RunRequest, RunResult, Settings, SkillNotFoundError, Status, load_result
from skillbox_core.errors import ExecutionNotFoundError, InvalidRequestError, SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.models import Artifacts
from skillbox_core.storage.artifacts import artifacts_key
from tests.skillbox_core.conftest import KINDS, empty_store
from tests.skillbox_core.storage.live.test_storage import archive

ACME = "acme"
OTHERS = ("rival", "acm", "acme2", "ACME", "default")
"""Also names that begin like the victim's, contain it, or differ in case alone."""

PARTNER, TWIN = "partner", "twin"
"""They have things of their own, by the same names: other contents, and the very same."""

THEIRS = "open('/sandbox/out/files/plan.txt', 'w').write('acme only'); print('acme only')\n"
SCRIPT = THEIRS + "import json; json.dump({'of': 'acme'}, open('/sandbox/out/output.json', 'w'))"


@dataclass(frozen=True)
class Scene:
    """A tenant with a skill, and a finished execution with files; somebody else's attempt comes next."""

    store: Installation
    result: RunResult
    original: Path
    folder: Path

    def archive(self, script: str) -> Path:
        self.folder.mkdir(exist_ok=True)
        return archive(self.folder, name="plan", script=script)


@pytest.fixture(scope="module", params=KINDS)
def scene(request: pytest.FixtureRequest, installation: Settings, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("tenants")
    store = empty_store(request, installation, folder)
    original = archive(folder, name="plan", script=SCRIPT)
    store.registry.push(ACME, original)
    result = Runner(store).run(
        RunRequest(skill="plan"), RunOptions(tenant=ACME, key="k", owner="flow", owner_attempt=1)
    )
    assert (result.status, result.files_list) == (Status.SUCCESS, ("plan.txt",)), result
    return Scene(store, result, original, folder / "theirs")


def run_as(scene: Scene, tenant: str, **options: Any) -> RunResult:
    return Runner(scene.store).run(RunRequest(skill="plan"), RunOptions(tenant=tenant, **options))


def unsigned(result: RunResult) -> dict[str, Any]:
    """All of a result but the address of its files, which is signed anew, with the time, at each reading."""
    return result.model_dump(exclude={"files_url"})


READS: dict[str, tuple[Callable[[Scene, str], object], object]] = {
    "list skills": (lambda s, t: s.store.registry.skills(t), []),
    "list versions": (lambda s, t: s.store.registry.versions(t, "plan"), []),
    "resolve the newest": (lambda s, t: s.store.registry.resolve(t, "plan", ""), SkillNotFoundError),
    "resolve a version": (lambda s, t: s.store.registry.resolve(t, "plan", "1.0.0"), SkillNotFoundError),
    "load, though it is cached": (
        lambda s, t: s.store.registry.load(t, "plan", "1.0.0"),
        SkillNotFoundError,
    ),
    "run": (lambda s, t: run_as(s, t), SkillNotFoundError),
    "run by the same key": (lambda s, t: run_as(s, t, key="k"), SkillNotFoundError),
    "take over by the owner": (lambda s, t: run_as(s, t, owner="flow", owner_attempt=2), SkillNotFoundError),
    "read a record": (
        lambda s, t: s.store.executions.get(t, s.result.execution_id),
        ExecutionNotFoundError,
    ),
    "read a result": (
        lambda s, t: s.store.executions.result(t, s.result.execution_id),
        ExecutionNotFoundError,
    ),
    "load a result": (
        lambda s, t: load_result(s.result.execution_id, tenant=t, settings=s.store.settings),
        ExecutionNotFoundError,
    ),
    "open a file of a result that says it is theirs": (
        lambda s, t: s.store.executions.stored_files.open(s.result.model_copy(update={"tenant": t}), "plan.txt"),
        ExecutionNotFoundError,
    ),
    "find a record by its first digits": (
        lambda s, t: s.store.executions.beginning_with(t, s.result.execution_id[:8], 2),
        [],
    ),
    "list executions": (lambda s, t: list(s.store.executions.list(t)), []),
    "list executions of a skill": (lambda s, t: list(s.store.executions.list(t, skill="plan")), []),
    "delete a version": (lambda s, t: s.store.registry.delete(t, "plan", "1.0.0"), SkillNotFoundError),
}


@pytest.mark.parametrize("path", READS)
def test_no_path_gives_another_tenant_anything(scene: Scene, path: str) -> None:
    action, expected = READS[path]
    for tenant in OTHERS:
        try:
            got = action(scene, tenant)
        except SkillboxError as error:
            got = type(error)
            # Its own name it may be told.
            assert "acme" not in str(error).replace(f"for tenant {tenant}", "")
        assert got == expected, tenant
    assert unsigned(scene.store.executions.result(ACME, scene.result.execution_id)) == unsigned(scene.result)
    assert scene.store.registry.versions(ACME, "plan") == ["1.0.0"]


def test_the_same_names_keys_and_owners_mean_other_things_to_another_tenant(scene: Scene) -> None:
    store = scene.store
    script = "import json; json.dump({'of': 'partner'}, open('/sandbox/out/output.json', 'w'))"
    pushed = store.registry.push(PARTNER, scene.archive(script))
    assert pushed.new
    for options in ({"key": "k"}, {"key": "k2", "owner": "flow", "owner_attempt": 2}):
        result = run_as(scene, PARTNER, **options)
        assert (result.output, result.files_list) == ({"of": "partner"}, ())
        assert result.execution_id != scene.result.execution_id
    assert unsigned(run_as(scene, ACME, key="k")) == unsigned(scene.result)
    assert run_as(scene, ACME, key="k3", owner="flow", owner_attempt=3).execution_id == scene.result.execution_id
    store.registry.delete(PARTNER, "plan", "1.0.0")
    assert store.registry.load(ACME, "plan", "1.0.0").digest != pushed.archive.digest


def test_equal_contents_are_still_two_things(scene: Scene) -> None:
    """The cache is by content. Who pushed the same bytes has them anyway; deleting one leaves the other."""
    store = scene.store
    store.registry.push(TWIN, scene.original)
    mine = store.registry.load(TWIN, "plan", "1.0.0")
    assert mine.digest == store.registry.load(ACME, "plan", "1.0.0").digest
    store.registry.delete(TWIN, "plan", "1.0.0")
    with pytest.raises(SkillNotFoundError):
        store.registry.load(TWIN, "plan", "1.0.0")
    assert store.registry.load(ACME, "plan", "1.0.0").digest == mine.digest


def test_files_lie_under_their_tenant_and_their_address_says_so(scene: Scene, tmp_path: Path) -> None:
    row = scene.store.executions.get(ACME, scene.result.execution_id)
    assert row.files_key == f"{ACME}/{row.id}/files.tar.gz" == artifacts_key(ACME, row.id, 1)
    assert f"/{ACME}/{row.id}/files.tar.gz" in scene.result.files_url


EVIL = (
    "",
    ".",
    "..",
    "../acme",
    "acme/../acme",
    "acme/plan",
    "/acme",
    "acme\0",
    "acme\n",
    "a" * 65,
    "%2e%2e",
    "-rf",
    "é",
)


@pytest.mark.parametrize("tenant", EVIL)
def test_a_tenant_that_is_no_name_is_refused_by_every_path(scene: Scene, tenant: str) -> None:
    registry = scene.store.registry
    for action in (
        lambda: registry.push(tenant, scene.archive("1")),
        lambda: registry.skills(tenant),
        lambda: registry.versions(tenant, "plan"),
        lambda: registry.resolve(tenant, "plan", ""),
        lambda: registry.load(tenant, "plan", "1.0.0"),
        lambda: registry.delete(tenant, "plan", "1.0.0"),
        lambda: run_as(scene, tenant),
        lambda: artifacts_key(tenant, scene.result.execution_id, 1),
        lambda: scene.store.executions.get(tenant, scene.result.execution_id),
        lambda: scene.store.executions.result(tenant, scene.result.execution_id),
        lambda: load_result(scene.result.execution_id, tenant=tenant, settings=scene.store.settings),
        lambda: scene.result.model_copy(update={"tenant": tenant, "artifacts": Artifacts()}).open("plan.txt"),
        lambda: scene.store.executions.list(tenant),
        lambda: scene.store.executions.beginning_with(tenant, scene.result.execution_id[:8], 2),
    ):
        with pytest.raises(InvalidRequestError):
            action()
    assert scene.store.registry.versions(ACME, "plan") == ["1.0.0"]
