"""prefect-docker's tasks, called as plain functions: with Prefect's server between, its share would be measured too.

There is no task that waits, so the container is waited for by the library that the tasks use.
"""

import asyncio
import logging
from contextlib import contextmanager
from unittest import mock

from prefect_docker import containers
from prefect_docker.host import DockerHost


@contextmanager
def opened(task):
    """One block for all runs."""
    host = DockerHost()
    loop = asyncio.new_event_loop()

    async def once():
        made = await containers.create_docker_container.fn(
            task.image,
            ["python3", "-c", task.program],
            docker_host=host,
            network_mode="none",
            labels=task.label,
        )
        started = await containers.start_docker_container.fn(made.id, docker_host=host)
        await asyncio.to_thread(started.wait)
        return made.id, await containers.get_docker_container_logs.fn(made.id, docker_host=host)

    def turn():
        container, said = loop.run_until_complete(once())
        yield said
        loop.run_until_complete(containers.remove_docker_container.fn(container, docker_host=host))

    # Outside of a run there is no run logger.
    with mock.patch.object(containers, "get_run_logger", return_value=logging.getLogger("bench")):
        yield turn
    loop.close()
