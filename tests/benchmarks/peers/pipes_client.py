"""Dagster's PipesDockerClient, called many times in one op: what Dagster does around an op is not measured.

It removes no container, and stops each when it has ended already, so that the engine can't be told to remove them: that
is done here, after the answer. The job says nothing in Dagster's protocol: what it prints comes out on stdout, which is
where its answer is read.
"""

import io
import sys
import threading
from contextlib import contextmanager
from queue import SimpleQueue

import docker
from dagster import DagsterInstance, job, op
from dagster_docker import PipesDockerClient

MINE = "skillbox.bench.dagster"


@contextmanager
def opened(task):
    """One client for all runs."""
    asked, answers = SimpleQueue(), SimpleQueue()
    engine = docker.from_env()

    def once(context, client):
        before, sys.stdout = sys.stdout, io.StringIO()
        try:
            client.run(
                context=context,
                image=task.image,
                command=["python3", "-c", task.program],
                container_kwargs={"network_mode": "none", "labels": {**task.label, MINE: "yes"}},
            )
            return sys.stdout.getvalue()
        finally:
            sys.stdout = before

    @op
    def runs(context):
        client = PipesDockerClient()
        while asked.get():
            try:
                answers.put((once(context, client), None))
            except Exception as error:
                answers.put(("", error))

    @job
    def bench():
        runs()

    def turn():
        asked.put(True)
        said, error = answers.get()
        if error:
            raise error
        yield said
        for container in engine.containers.list(all=True, filters={"label": MINE}):
            container.remove()

    instance = DagsterInstance.ephemeral()
    thread = threading.Thread(target=lambda: bench.execute_in_process(instance=instance))
    thread.start()
    try:
        yield turn
    finally:
        asked.put(False)
        thread.join()
