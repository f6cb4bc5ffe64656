"""A harmless prisoner: a sandbox made like any other, whose skill looks for each wall from inside."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

from skillbox_core.base.names import container_name
from skillbox_core.errors import EngineError
from skillbox_core.installation import Installation
from skillbox_core.operations.findings import FILTERED, NO_NEW_PRIVILEGES, Findings
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.images import ready_image
from skillbox_core.sandbox.policy import SANDBOX, user_id

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
    settings, token = installation.settings, uuid.uuid4().hex
    user = user_id(container_name(token, 1), settings.sandbox_users)
    try:
        output, usage = run_script(
            installation.engine,
            plan_script("sh", _SCRIPT, {"CANARY_USER": str(user)}, b'"canary-input"'),
            token=token,
            image_id=ready_image(installation.engine, image).id,
            instance=settings.instance,
            runtime=settings.runtime,
            users=settings.sandbox_users,
            folder=folder,
        )
    except EngineError as error:
        raise EngineError(f"the canary failed: {error.message}", hint=error.hint) from error
    found: dict[str, Any] = json.loads(output.document or "{}")
    walls = {str(wall): None if holds is None else bool(holds) for wall, holds in found["walls"].items()}
    return Findings(str(found["kernel"]), walls, usage.peak_memory is not None)
