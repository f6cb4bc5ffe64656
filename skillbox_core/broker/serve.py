"""`skillbox broker`: runs until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from pathlib import Path

from skillbox_core.base.engine_address import address_problem
from skillbox_core.base.engine_http import tls_problem
from skillbox_core.broker.proxy import Broker
from skillbox_core.errors import SettingsError
from skillbox_core.settings import load_settings, make_settings


def serve(engine: str, listen: str, instance: str | None) -> None:
    """Serves until a signal ends it.

    Args:
        engine: Where the engine listens, `unix://PATH` or `tcp://HOST:PORT`.
        listen: Where workers connect, `unix://PATH`.
        instance: Whose sandboxes; None for SKILLBOX_INSTANCE.

    Raises:
        SettingsError: A setting is wrong, or the engine can't be spoken to from here.
        OSError: The socket can't be made.
    """
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if refused := address_problem(engine, {}):
        raise SettingsError(refused[0], hint=refused[1])
    if problem := tls_problem(engine):
        raise SettingsError(problem)
    settings = load_settings()
    if instance:
        settings = make_settings({**settings.model_dump(), "instance": instance})
    broker = Broker(Path(listen.removeprefix("unix://")), engine, settings)
    # `shutdown` waits for the loop that a signal handler interrupts, so it is called from elsewhere.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=broker.shutdown).start())
    print(f"for {settings.instance}: {listen} -> {engine}", flush=True)
    with broker:
        broker.serve_forever()
    Path(str(broker.server_address)).unlink(missing_ok=True)
