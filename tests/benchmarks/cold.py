"""A cold run, from request to result, beside `docker run --rm`, the original's calls and packages that do the like.

All do the same little job in the same image on the same engine, with no network and without a limit of processor time.
Skillbox and the original have their hardening, the others what they have by themselves.

A turn ends when the caller has the result, and these ends are unequal: `docker run --rm`, the original's calls and
Airflow remove their container before they give it, Skillbox and the others afterwards. So with those three there is a
second ratio, of both until the container is gone. With the others there is none: their ends are equal in the first one,
and some wait ten seconds for a container to stop, so that the second would flatter.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections import defaultdict

from deployments.local.common import STATE
from skillbox_core.errors import SkillboxError
from tests.benchmarks import contestants, job, peers
from tests.benchmarks.ground import Ground, Scale, ground
from tests.benchmarks.names import COMMAND, DOCKER_RUN, ORIGINAL, SKILLBOX, UNTIL_GONE
from tests.benchmarks.report import Part
from tests.benchmarks.turns import Contestant, Times, TurnError, compare, take_turns
from tests.benchmarks.watch import ORDER, REST, Spans, split, watched

BUDGET = 0.75
SLOW = 40.0
"""Seconds for all turns of one contestant: some packages take ten for each."""
OWN = (SKILLBOX, COMMAND, DOCKER_RUN, ORIGINAL)
"""Those that are always there: one that fails fails the part."""
WORTH_SAYING = 0.02
"""Seconds of clearing up after the result from which on they are said."""


class Cold:
    """Skillbox's turns, with where the time of each went."""

    def __init__(self, ground: Ground, spans: Spans) -> None:
        self._ground, self._spans = ground, spans
        self._began = self._ended = 0.0
        self.within: dict[str, list[float]] = defaultdict(list)
        self.after: dict[str, list[float]] = defaultdict(list)

    def turn(self) -> None:
        """One run."""
        self._spans.take()
        self._began = time.perf_counter()
        self._ground.run()
        self._ended = time.perf_counter()

    def settle(self) -> None:
        """Waits until its container is gone, and until the call that removed it has come back."""
        self._ground.settle()
        give_up = time.monotonic() + 5
        while not self._spans.has("remove") and time.monotonic() < give_up:
            time.sleep(0.001)
        within, after = split(self._spans.take(), self._began, self._ended)
        for found, kept in ((within, self.within), (after, self.after)):
            for part, seconds in found.items():
                kept[part].append(seconds)


def measure(scale: Scale, part: Part, *, with_peers: bool = True) -> None:
    """All of them in turns, then the parts of a run."""
    with ground(part) as made, watched() as spans:
        ours = Cold(made, spans)
        all_of_them = [
            Contestant(SKILLBOX, ours.turn, ours.settle),
            contestants.docker_run(made),
            contestants.original(made),
            contestants.skillbox_run(made),
        ]
        if not with_peers:
            report(part, take_turns(all_of_them, scale.turns, budget=SLOW), ours)
            return
        mark = uuid.uuid4().hex
        place = STATE / "peers"
        try:
            part.say("  (environments of other packages are made first, where they are not there yet)")
            with peers.contestants(place, made.engine_url, made.image, job.program(), made.folder, mark) as found:
                ready, missing = found
                times = take_turns([*all_of_them, *ready], scale.turns, budget=SLOW / 4 if scale.quick else SLOW)
        finally:
            remove_left(made, mark)
        report(part, times, ours)
        for name, why in missing.items():
            part.skip(name, why)


def report(part: Part, times: dict[str, Times], ours: Cold) -> None:
    """Figures of all, ratios to each, and where the time of a run goes."""
    for name, each in times.items():
        if each.problem and name in OWN:
            part.fail(f"{name}: {each.problem}")
            continue
        part.times(name, each)
        if each.values and statistics.median(each.clearing) > WORTH_SAYING:
            part.figure(f"{name}, until its container is gone", "ms", *(seconds * 1000 for seconds in each.settled))
    ratios(part, times)
    for name in (*ORDER, REST):
        if name in ours.within:
            # The first turn found cold caches.
            part.figure(f"of it: {name}", "ms", *(seconds * 1000 for seconds in ours.within[name][1:]))
    for name in ORDER:
        if name in ours.after:
            part.figure(f"after it: {name}", "ms", *(seconds * 1000 for seconds in ours.after[name][1:]))


def ratios(part: Part, times: dict[str, Times]) -> None:
    """Skillbox beside each to the result, and the command beside another command.

    Beside one that clears up in its turn also until the container is gone.
    """
    mine, command = times[SKILLBOX], times.get(COMMAND, Times(problem="was not measured"))
    clearing = {DOCKER_RUN, ORIGINAL, *(peer.name for peer in peers.PEERS if peer.clears)}
    others = {name: each for name, each in times.items() if name not in (SKILLBOX, COMMAND)}
    for name, each in others.items():
        if mine.problem or each.problem:
            continue
        budget = BUDGET if name in OWN else None
        part.ratio(f"{SKILLBOX} / {name}", compare(mine, each), budget=budget)
        if name in clearing:
            part.ratio(f"{SKILLBOX}{UNTIL_GONE} / {name}", compare(mine.to_end(), each.to_end()))
    docker = others.get(DOCKER_RUN)
    if docker and not (docker.problem or command.problem):
        names = COMMAND, DOCKER_RUN
        part.ratio(" / ".join(names), compare(command, docker))
        part.ratio(f"{names[0]}{UNTIL_GONE} / {names[1]}", compare(command.to_end(), docker.to_end()))


def remove_left(made: Ground, mark: str) -> None:
    """Removes the containers that peers have left: some do."""
    engine = made.runner.installation.engine
    for container in engine.containers({peers.LABEL: mark}):
        try:
            engine.remove(str(container["Id"]))
        except SkillboxError as error:
            raise TurnError(f"the container of a peer can't be removed: {error}") from None
