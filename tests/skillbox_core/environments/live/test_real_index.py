"""What a data team uses, from the index of this machine: locked, made, and the same bytes twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from skillbox_core.environments.bytecode import Compiler
from skillbox_core.environments.interpreter import ask_in_sandbox
from skillbox_core.environments.locking import make_lock
from skillbox_core.environments.making import make_tree
from skillbox_core.errors import InvalidSkillError
from skillbox_core.installation import Installation
from skillbox_core.sandbox.images import ready_image
from skillbox_core.skills.sources import PythonSource
from tests.services.index import PYTHON, missing
from tests.skillbox_core.environments.live.test_environments_on_engine import image_of


@pytest.fixture(autouse=True)
def an_index() -> None:
    if why := missing():
        pytest.skip(why)


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_pandas_and_pyarrow_become_one_tree_and_the_same_one_twice(local: Installation, tmp_path: Path) -> None:
    image = ready_image(local.engine, image_of(local))
    python = ask_in_sandbox(local.engine, local.settings)(image)
    lock = make_lock(PythonSource("main.py", ("pandas", "pyarrow")), python)
    assert {"pandas", "pyarrow", "numpy"} <= {pin.name for pin in lock.pins}
    assert min(len(pin.hashes) for pin in lock.pins if pin.name in ("pandas", "pyarrow")) > 10
    assert "://" not in lock.text
    compiler = Compiler(local.engine, local.settings, image.id, python)
    limits = {"max_size": local.settings.max_tree_size, "max_files": local.settings.max_tree_files}
    first, second = (make_tree(lock, python, tmp_path / "tree.tar", compile=compiler, **limits) for _ in range(2))
    assert first == second
    assert first.size > 250 * 1024**2


@pytest.mark.parametrize(
    ("requirements", "says"),
    [
        (("skillbox-no-such-package-here",), "no package skillbox-no-such-package-here"),
        (("torch==1.0",), r"torch==1\.0\.0 has no wheel for Python 3\.11 .*there are wheels for cp27m"),
        (("uwsgi",), r"uwsgi has no wheel .* nothing is built; there is source only"),
        (("numpy==2.9999",), r"no version numpy==2\.9999"),
        (("pandas==2.2.0", "numpy>=2.3"), r"Because pandas==2\.2\.0 depends on numpy"),
    ],
)
def test_what_an_index_does_not_have_is_said(requirements: tuple[str, ...], says: str) -> None:
    with pytest.raises(InvalidSkillError, match=says):
        make_lock(PythonSource("requirements.txt", requirements), PYTHON)
