"""What `doctor` says of the containers that wait for a job."""

from __future__ import annotations

from collections import Counter

from skillbox_core.errors import SkillboxError
from skillbox_core.installation import Installation
from skillbox_core.operations.engine_checks import Check
from skillbox_core.operations.pool import Pool, State, look

DRAIN = "`skillbox pool drain` removes them; the next runs make new ones"


def pool_check(installation: Installation) -> Check:
    """How many wait, of which images, and whether any run can take them."""
    try:
        return judged(look(installation), takes=installation.waiting.takes)
    except SkillboxError as error:
        return Check("pool", "WARN", f"waiting containers can't be listed: {error.message}", error.hint or "")


def judged(pool: Pool, *, takes: bool) -> Check:
    """The same, of a list. Pure.

    Args:
        takes: Whether the database can hand one out.
    """
    waiting, lost = pool.of(State.WAITING), pool.of(State.LOST)
    if not pool.most:
        left = f"; {len(pool.entries)} of before are left, and end by themselves" if pool.entries else ""
        return Check("pool", "OK", f"off (SKILLBOX_POOL_MAX is 0): each run has a container made for it{left}")
    images = Counter(entry.image for entry in waiting)
    named = ", ".join(f"{count} of {image}" for image, count in sorted(images.items()))
    found = f"{len(waiting)} of {pool.places} places have a container that waits{f': {named}' if named else ''}"
    if not takes:
        told = "no run can take a waiting container: this SQLite is older than 3.35"
        if not pool.chosen:
            return Check("pool", "OK", f"off: {told}")
        return Check("pool", "WARN", told, "use a newer SQLite or Postgres, or set SKILLBOX_POOL_MAX=0")
    if lost:
        told = f"{found}; {len(lost)} can't be used: {lost[0].name}: {lost[0].why}"
        return Check("pool", "WARN", told, DRAIN)
    if pool.chosen and pool.places < pool.most:
        told = f"{found}; SKILLBOX_POOL_MAX is {pool.most}, for which the engine's memory is too small"
        return Check("pool", "WARN", told, f"set SKILLBOX_POOL_MAX={pool.places}, or lower SKILLBOX_DEFAULT_MEMORY")
    return Check("pool", "OK", found)
