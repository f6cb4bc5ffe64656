"""llm-sandbox with its pool: containers that are up already, and that one run after the other is done in."""

from contextlib import contextmanager

from llm_sandbox.pool import PoolConfig, PooledSandboxSession, create_pool_manager

# Its pool runs programs in an environment that it makes by pip from an index. The image's Python stands in its place.
COMMAND = "mkdir -p /sandbox/.sandbox-venv/bin && ln -s $(command -v python3) /sandbox/.sandbox-venv/bin/python"


@contextmanager
def opened(task):
    """One pool for all runs."""
    pool = create_pool_manager(
        backend="docker",
        config=PoolConfig(max_pool_size=1, min_pool_size=1, enable_prewarming=True),
        lang="python",
        image=task.image,
        skip_environment_setup=True,
        runtime_configs={
            "network_mode": "none",
            "labels": task.label,
            "command": ["sh", "-c", f"{COMMAND} && exec python3"],
        },
    )

    def turn():
        with PooledSandboxSession(pool_manager=pool) as session:
            yield session.run(task.program).stdout

    try:
        yield turn
    finally:
        pool.close()
