"""AutoGen's DockerCommandLineCodeExecutor, started and stopped for each run."""

import asyncio
import uuid
from contextlib import contextmanager

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor


@contextmanager
def opened(task):
    """A new executor, and so a new container, for each run."""
    loop = asyncio.new_event_loop()

    def turn():
        name = f"skillbox-bench-{uuid.uuid4().hex[:12]}"
        executor = DockerCommandLineCodeExecutor(task.image, name, work_dir=f"{task.home}/work")
        loop.run_until_complete(executor.start())
        try:
            block = CodeBlock(task.program, "python")
            yield loop.run_until_complete(executor.execute_code_blocks([block], CancellationToken())).output
        finally:
            loop.run_until_complete(executor.stop())

    yield turn
    loop.close()
