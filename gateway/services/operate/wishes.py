"""What somebody asks for, as it is kept until a second person decides."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Final

from gateway.domain.entry import Actor
from gateway.domain.identifiers import DeliveryId
from gateway.domain.repair import waits_for_a_person
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.decide_each import MOST
from gateway.services.operate.refusals import NotFoundError, OperationError, parse_id
from gateway.services.operate.selection import parse_moment

Operation = Callable[[Actor, Mapping[str, object]], Awaitable[object]]

ORDER: Final = "replay.order"
_WORDS: Final = frozenset({"reason", "reference", "note", "password"})
_LONGEST_SUBJECT: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for.

    Attributes:
        operation: What shall be done.
        arguments: As it would be done.
        subject: What it is about.
        deliveries: How many it concerns, if it is about deliveries.
    """

    operation: str
    arguments: dict[str, object]
    subject: str
    deliveries: int | None

    @property
    def fingerprint(self) -> str:
        """The same for the same thing: words, and until when it is, do not matter."""
        where = self.arguments.get("where")
        about = {key: value for key, value in self.arguments.items() if key not in _WORDS}
        if isinstance(where, dict):
            about["where"] = {key: value for key, value in where.items() if key != "until"}
        text = json.dumps([self.operation, about], sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


class Wishes:
    """Understands what is asked for: what it is about, and how many deliveries it concerns."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock

    async def __call__(
        self, name: str, actor: Actor, arguments: Mapping[str, object], plan: Operation
    ) -> Wish:
        """Return what ``actor`` asks for.

        Args:
            name: The operation.
            actor: Who asks.
            arguments: The operation's.
            plan: Tells what an order to send again would do.

        Raises:
            KakehashiError: It could not be done now either.
        """
        # Who is told how far it is does not wait for a second person, and is nothing to keep.
        plain = {key: _plain(value) for key, value in arguments.items() if not callable(value)}
        if name == ORDER:
            return await self._wished_order(actor, plain, plan)
        if name.startswith("parked."):
            return await self._wished_deliveries(name, plain)
        said = sorted((key, value) for key, value in plain.items() if key not in _WORDS)
        subject = ", ".join(f"{key} {_short(value)}" for key, value in said)
        return Wish(
            operation=name, arguments=plain, subject=subject[:_LONGEST_SUBJECT], deliveries=None
        )

    async def _wished_order(self, actor: Actor, plain: dict[str, object], plan: Operation) -> Wish:
        where = plain.get("where")
        # What begins to wait afterwards, nobody has seen when it is approved.
        now = self._clock.now()
        if isinstance(where, dict):
            said = where.get("until")
            until = parse_moment("until", str(said) if said else None)
            where = {**where, "until": (min(until, now) if until else now).isoformat()}
        pace: dict[str, object] = {
            key: plain[key] for key in ("canary", "rate_per_s") if key in plain
        }
        found: Any = await plan(actor, {"where": where, **pace})
        return Wish(
            operation=ORDER,
            arguments={**plain, "where": where},
            subject=str(found["selection"])[:_LONGEST_SUBJECT],
            deliveries=int(found["total"]),
        )

    async def _wished_deliveries(self, name: str, plain: dict[str, object]) -> Wish:
        many = plain.get("deliveries")
        chosen = many if isinstance(many, list) else [plain.get("delivery")]
        ids = list(dict.fromkeys(str(one) for one in chosen))
        if not 0 < len(ids) <= MOST:
            raise OperationError(f"choose 1 to {MOST} deliveries; {len(ids)} were chosen")
        if len(ids) == 1:
            record = await self._journal.delivery(DeliveryId(parse_id(ids[0])))
            if record is None:
                raise NotFoundError(f"no delivery has this id: {ids[0]}")
            if not waits_for_a_person(record):
                raise OperationError(f"it is {record.state}: it does not wait for a person")
        subject = ids[0] if len(ids) == 1 else f"{len(ids)} deliveries, {ids[0]} …"
        return Wish(operation=name, arguments=plain, subject=subject, deliveries=len(ids))


def _plain(value: object) -> object:
    """Return an argument as JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {key: one for key, one in asdict(value).items() if one is not None}
    if isinstance(value, (tuple, set, frozenset)):
        return [_plain(one) for one in value]
    return value


def _short(value: object) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={_short(one)}" for key, one in sorted(value.items()))
    if isinstance(value, list):
        return " ".join(_short(one) for one in value)
    return str(value)
