"""What is locked lets Prefect's scheduler plan runs: it logs what it can't plan, and nothing ever runs by itself."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from prefect.server.schemas.schedules import CronSchedule, IntervalSchedule, RRuleSchedule
from prefect.types._datetime import now

ANCHOR = datetime(2026, 1, 1, tzinfo=UTC)
# An rrule is walked from its start, by default 2020: at every five minutes for tens of seconds.
RECENT = datetime.now(UTC) - timedelta(days=2)


@pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize(
    "schedule",
    [
        CronSchedule(cron="*/5 * * * *"),
        IntervalSchedule(interval=timedelta(minutes=5), anchor_date=ANCHOR),
        RRuleSchedule(rrule=f"DTSTART:{RECENT:%Y%m%d}T000000\nRRULE:FREQ=MINUTELY;INTERVAL=5"),
    ],
    ids=["cron", "interval", "rrule"],
)
def test_every_kind_of_schedule_has_a_next_run(
    schedule: CronSchedule | IntervalSchedule | RRuleSchedule, timezone: str
) -> None:
    start = now("UTC")
    (planned,) = asyncio.run(schedule.model_copy(update={"timezone": timezone}).get_dates(n=1, start=start))
    assert timedelta(0) <= planned - start <= timedelta(minutes=5)
