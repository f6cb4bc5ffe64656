"""AutoGen's DockerCommandLineCodeExecutor, started and stopped for each run.

It has no parameter for a network or for labels. So they are added where it has the library create its container: with
a network it would do more than the others, and without the label one that it leaves would not be found.
"""

import asyncio
import uuid
from contextlib import contextmanager
from unittest import mock

from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock
from autogen_ext.code_executors.docker import DockerCommandLineCodeExecutor
from docker.models.containers import ContainerCollection


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

    create = ContainerCollection.create

    def alone(self, *arguments, **named):
        return create(self, *arguments, **{**named, "network_mode": "none", "labels": task.label})

    with mock.patch.object(ContainerCollection, "create", alone):
        yield turn
    loop.close()
