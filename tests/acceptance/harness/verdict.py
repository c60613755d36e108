"""Do the journal and the core systems agree: nothing lost, nothing doubled, nothing stuck?"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.acceptance.harness.front import Sent
from tests.acceptance.harness.landscape import CARELESS, Landscape
from tests.acceptance.harness.operations import Operator
from tests.acceptance.harness.processes import CommandFailedError

SETTLE_S: Final = 60.0
"""Nothing may be stuck this long after the last kill."""

_AT_REST: Final = frozenset({"delivered", "parked", "in_doubt"})


@dataclass(frozen=True)
class Verdict:
    """What came of a run in which nothing was lost, doubled or stuck: else there is none.

    Attributes:
        accepted: Applications with a 202.
        tries: Requests that it took.
        states: State to deliveries.
        settle_s: From the last kill until nothing moved any more.
    """

    accepted: int
    tries: int
    states: Counter[str]
    settle_s: float

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in self.states.most_common())
        return (
            f"{self.accepted} accepted in {self.tries} tries, {states}; 0 lost, 0 doubled, "
            f"at rest after {self.settle_s:.1f} s"
        )


async def settled(operator: Operator) -> float:
    """Wait until every delivery is at rest; return how many seconds that took."""
    began = time.monotonic()
    while True:
        moving = await asyncio.to_thread(_moving, operator)
        if not moving:
            return time.monotonic() - began
        if time.monotonic() - began > SETTLE_S:
            told = operator.timelines(sorted({each["application"] for each in moving}))
            raise AssertionError(f"{len(moving)} are stuck: {_brief(moving)}\n{told}")
        await asyncio.sleep(0.5)


def _moving(operator: Operator) -> list[dict[str, Any]]:
    """Return what is not at rest; a doubt that can be looked up does not rest."""
    try:
        states = operator.states()
        if set(states) <= _AT_REST - {"in_doubt"}:
            return []
        return [
            each
            for each in operator.deliveries()
            if each["state"] not in _AT_REST
            or (each["state"] == "in_doubt" and each["destination"] != CARELESS)
        ]
    except CommandFailedError as error:
        return [{"application": "", "state": f"unknown: {error}", "destination": "", "code": None}]


def judge(
    sent: Sequence[Sent],
    operator: Operator,
    landscape: Landscape,
    *,
    settle_s: float,
    others: Iterable[str] = (),
) -> Verdict:
    """Compare what was promised, what the journal says, and what arrived.

    Args:
        sent: Everything that the front end sent; all of it has a 202.
        operator: Asks the journal.
        landscape: The core systems.
        settle_s: As ``settled`` returned it.
        others: Ids of further applications in the journal.
    """
    promised = [each.id for each in sent]
    assert None not in promised
    assert len(set(promised)) == len(promised), "two keys, one application"
    deliveries = operator.deliveries()
    kept = {each["application"] for each in deliveries}
    assert set(promised) <= kept, f"lost after 202: {set(promised) - kept}"
    assert kept <= {*promised, *others}, f"one key, two applications: {kept - {*promised, *others}}"
    for name, sink in landscape.sinks.items():
        _agree(
            name,
            [each for each in deliveries if each["destination"] == name],
            sink.arrivals(),
            operator,
        )
    audit = operator.verify_audit()
    assert audit["ok"], audit
    return Verdict(
        accepted=len(promised),
        tries=sum(each.tries for each in sent),
        states=Counter(each["state"] for each in deliveries),
        settle_s=settle_s,
    )


def _agree(
    name: str, deliveries: list[dict[str, Any]], arrivals: Counter[str], operator: Operator
) -> None:
    applications = {each["id"]: each["application"] for each in deliveries}

    def told(keys: Iterable[str]) -> str:
        return operator.timelines([applications[key] for key in keys if key in applications])

    doubled = [key for key, count in arrivals.items() if count > 1]
    assert not doubled, f"{name}: doubled {doubled}\n{told(doubled)}"
    strangers = set(arrivals) - set(applications)
    assert not strangers, f"{name}: arrived, but not in the journal: {strangers}"
    delivered = {each["id"] for each in deliveries if each["state"] == "delivered"}
    lost = delivered - set(arrivals)
    assert not lost, f"{name}: said to be delivered, never arrived: {lost}\n{told(lost)}"
    # What arrived without being known as delivered is in doubt, where a person sees it.
    seen = delivered | {
        each["id"] for each in deliveries if each["state"] in {"in_doubt", "parked"}
    }
    silent = set(applications) - seen
    assert not silent, f"{name}: neither delivered nor waiting for a person: {told(silent)}"
    if name != CARELESS:
        doubtful = seen - delivered
        assert not doubtful, f"{name}: can tell, and yet: {_brief(deliveries)}\n{told(doubtful)}"


def _brief(deliveries: Iterable[dict[str, Any]]) -> dict[str, int]:
    return dict(
        Counter(f"{each['destination']}:{each['state']}:{each['code']}" for each in deliveries)
    )
