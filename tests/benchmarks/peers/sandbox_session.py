"""llm-sandbox, a new container for each run; without its own environment of packages, which needs a network."""

from contextlib import contextmanager

from llm_sandbox import SandboxSession


@contextmanager
def opened(task):
    """A session for each run."""

    def turn():
        with SandboxSession(
            lang="python",
            image=task.image,
            skip_environment_setup=True,
            # What the official image of Python has as its command; ours has none.
            runtime_configs={"network_mode": "none", "labels": task.label, "command": "python3"},
        ) as session:
            yield session.run(task.program).stdout

    yield turn
