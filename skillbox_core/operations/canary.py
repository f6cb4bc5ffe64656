"""A harmless prisoner: a sandbox made like any other, whose skill looks for each wall from inside."""

from __future__ import annotations

import json
import time
import uuid
import zipfile
from pathlib import Path
from typing import Any

from skillbox_core.base.redaction import Redactor
from skillbox_core.errors import EngineError
from skillbox_core.installation import Installation
from skillbox_core.models import Ending
from skillbox_core.operations.findings import FILTERED, NO_NEW_PRIVILEGES, Findings
from skillbox_core.sandbox import container, follow
from skillbox_core.sandbox.delivery import plan_delivery, start_script
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import MIN_MEMORY, SANDBOX, container_config, user_id
from skillbox_core.skills.archive import open_archive

_SKILL_MD = "---\nname: canary\ndescription: Looks for the sandbox's walls.\nlang: bash\n---\n"

# Plain sh: any image that can hold a skill can hold the canary.
_SCRIPT = f"""
holds() {{
    name=$1; shift
    if "$@"; then found=true; else found=false; fi
    printf '%s"%s": %s' "$comma" "$name" $found; comma=', '
}}
status() {{
    while read -r key value rest; do [ "$key" = "$1:" ] && echo "$value" && return; done </proc/self/status
}}
denied() {{ ! (eval "$1") 2>/dev/null; }}
interfaces() {{ for i in /sys/class/net/*; do [ "${{i##*/}}" = lo ] || return 1; done; }}
no_route() {{ n=0; while read -r _; do n=$((n+1)); done </proc/net/route; [ $n -le 1 ]; }}
read -r _ _ kernel _ </proc/version
{{
printf '{{"kernel": "%s", "walls": {{' "$kernel"; comma=''
holds "runs as its own user" [ "$(status Uid)" = "$CANARY_USER" ]
holds "no capabilities" [ "$(status CapEff)" = 0000000000000000 ]
holds "no capabilities to gain" [ "$(status CapBnd)" = 0000000000000000 ]
if [ -n "$(status NoNewPrivs)" ]; then holds "{NO_NEW_PRIVILEGES}" [ "$(status NoNewPrivs)" = 1 ]
else printf '%s"{NO_NEW_PRIVILEGES}": null' "$comma"; fi
holds "{FILTERED}" [ "$(status Seccomp)" = 2 ]
holds "root file system read-only" denied ': >/canary'
holds "/etc read-only" denied ': >/etc/canary'
holds "loopback is the only interface" interfaces
holds "no route" no_route
holds "/proc/sys read-only" denied 'echo core >/proc/sys/kernel/core_pattern'
holds "no engine socket" [ ! -e /var/run/docker.sock ]
holds "core dumps off" [ "$(ulimit -c)" = 0 ]
holds "input not in the environment of PID 1" denied 'grep -q canary-input /proc/1/environ /proc/1/cmdline'
printf '}}}}'
}} >{SANDBOX}/out/output.json
"""


def probe(installation: Installation, image: str, folder: Path) -> Findings:
    """Runs the canary on an image and returns what it saw.

    Args:
        image: After aliases.
        folder: A temporary folder.

    Raises:
        SkillboxError: The sandbox could not be made, or the canary did not come back.
    """
    token = uuid.uuid4().hex
    path = folder / "canary.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("SKILL.md", _SKILL_MD)
        archive.writestr("main.sh", _SCRIPT)
    engine, scratch, timeout = installation.engine, 1024**2, 20.0
    name = container.container_name(token, 1)
    user = user_id(name, installation.settings.sandbox_users)
    start = start_script("bash", "main.sh", {"CANARY_USER": str(user)}).replace(b"exec bash ", b"exec sh ")
    connections = container.Connections()
    labels = {
        container.LABEL_EXECUTION: token,
        container.LABEL_INSTANCE: installation.settings.instance,
        container.LABEL_DEADLINE: f"{time.time() + timeout + container.DELIVERY_TIMEOUT:.0f}",
    }
    config = container_config(
        user=user,
        image_id=ready_image(engine, image).id,
        memory=MIN_MEMORY,
        scratch=scratch,
        cpu_quota=100_000,
        labels=labels,
        runtime=installation.settings.runtime,
    )
    plan = plan_delivery(open_archive(path, scratch), b'"canary-input"', start)
    try:
        sandbox = container.launch(
            engine, connections, name=name, token=token, config=config, plan=plan, timeout=timeout, parked_for=60
        )
        outcome = follow.wait(
            engine, connections, sandbox, token=token, timeout=timeout, max_log=4096, redactor=Redactor()
        )
        if outcome.ending is not Ending.EXITED:
            raise EngineError(f"the canary ended as {outcome.ending.value}: {outcome.detail or outcome.logs[-300:]}")
        output = container.collect(engine, sandbox, folder / "out.tar.gz", scratch=scratch, max_document=65536)
    finally:
        engine.remove(name)
    if output.document is None:
        raise EngineError(f"the canary left no answer: {output.problem}; {outcome.logs[-300:]}")
    found: dict[str, Any] = json.loads(output.document)
    walls = {str(wall): None if holds is None else bool(holds) for wall, holds in found["walls"].items()}
    return Findings(str(found["kernel"]), walls, outcome.usage.peak_memory is not None)
