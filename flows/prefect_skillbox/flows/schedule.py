"""When the runs of a deployment start: a cron line in a time zone."""

from __future__ import annotations

from zoneinfo import available_timezones

from prefect.schedules import Cron, Schedule

from skillbox_core.base.meant import name_meant
from skillbox_core.base.names import shown
from skillbox_core.errors import InvalidRequestError


def cron_schedule(cron: str, timezone: str | None) -> Schedule:
    """The schedule of a cron line.

    Args:
        timezone: Of IANA's names, such as `Europe/Berlin`; None for UTC.

    Raises:
        InvalidRequestError: It is no cron line, or there is no such time zone; says which is meant.
    """
    if timezone is not None:
        check_zone(timezone)
    try:
        return Cron(cron, timezone=timezone)
    except ValueError as error:
        raise InvalidRequestError(
            f'"{cron}" is not a cron schedule: {str(error).splitlines()[0]}', hint='for example "0 6 * * 1-5"'
        ) from None


def check_zone(name: str) -> None:
    """Refuses what is no time zone.

    Raises:
        InvalidRequestError: Says which is meant, where that can be guessed.
    """
    zones = sorted(available_timezones())
    if name in zones:
        return
    text = name.strip().replace(" ", "_").casefold()
    alike = [zone for zone in zones if text in (zone.casefold(), zone.casefold().rpartition("/")[2])]
    by_city = {zone.rpartition("/")[2]: zone for zone in zones}
    meant = alike[0] if alike else name_meant(name, zones) or by_city.get(name_meant(name, by_city) or "")
    raise InvalidRequestError(
        f"there is no time zone {shown(name)}",
        hint=f"did you mean {meant}?" if meant else "for example Europe/Berlin, or UTC",
    )
