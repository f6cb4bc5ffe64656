"""`python -m skillbox_core.broker`: runs until it is told to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from deployments.local.common import SetupError
from deployments.local.engine import check_speech
from skillbox_core.broker.proxy import Broker
from skillbox_core.errors import SkillboxError
from skillbox_core.settings import Settings, load_settings


def main() -> int:
    """Reads the command line, and serves."""
    parser = argparse.ArgumentParser(prog="python -m skillbox_core.broker", description=__doc__)
    parser.add_argument("--engine", required=True, help="unix:///var/run/docker.sock: where the engine listens")
    parser.add_argument("--listen", required=True, help="unix:///run/skillbox/engine.sock: where workers connect")
    parser.add_argument("--instance", help="whose sandboxes; by default SKILLBOX_INSTANCE")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    try:
        check_speech(arguments.engine)
        settings = load_settings()
        if arguments.instance:
            settings = Settings(**{**settings.model_dump(), "instance": arguments.instance})
        broker = Broker(Path(arguments.listen.removeprefix("unix://")), arguments.engine, settings)
    except (SkillboxError, SetupError, OSError, ValueError) as error:
        print(f"broker: {error}", file=sys.stderr)
        return 1
    # `shutdown` waits for the loop that a signal handler interrupts, so it is called from elsewhere.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: threading.Thread(target=broker.shutdown).start())
    print(f"for {settings.instance}: {arguments.listen} -> {arguments.engine}", flush=True)
    with broker:
        broker.serve_forever()
    Path(str(broker.server_address)).unlink(missing_ok=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
