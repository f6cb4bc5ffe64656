"""A harmless prisoner: a sandbox made like any other, whose skill looks for each wall from inside."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

from skillbox_core.errors import EngineError
from skillbox_core.installation import Installation
from skillbox_core.sandbox.builtin import plan_script, run_script
from skillbox_core.sandbox.container import container_name
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
{{
printf '{{'; comma=''
holds "runs as its own user" [ "$(status Uid)" = "$CANARY_USER" ]
holds "no capabilities" [ "$(status CapEff)" = 0000000000000000 ]
holds "no capabilities to gain" [ "$(status CapBnd)" = 0000000000000000 ]
holds "no new privileges" [ "$(status NoNewPrivs)" = 1 ]
holds "system calls filtered" [ "$(status Seccomp)" = 2 ]
holds "root file system read-only" denied ': >/canary'
holds "/etc read-only" denied ': >/etc/canary'
holds "loopback is the only interface" interfaces
holds "no route" no_route
holds "/proc/sys read-only" denied 'echo core >/proc/sys/kernel/core_pattern'
holds "no engine socket" [ ! -e /var/run/docker.sock ]
holds "core dumps off" [ "$(ulimit -c)" = 0 ]
holds "input not in the environment of PID 1" denied 'grep -q canary-input /proc/1/environ /proc/1/cmdline'
printf '}}'
}} >{SANDBOX}/out/output.json
"""


def probe(installation: Installation, image: str, folder: Path) -> dict[str, bool]:
    """Runs the canary on an image and returns for each wall whether it stands.

    Args:
        image: After aliases.
        folder: A temporary folder.

    Raises:
        SkillboxError: The sandbox could not be made, or the canary did not come back.
    """
    settings, token = installation.settings, uuid.uuid4().hex
    user = user_id(container_name(token, 1), settings.sandbox_users)
    try:
        output = run_script(
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
    return {str(wall): bool(holds) for wall, holds in json.loads(output.document or "{}").items()}
