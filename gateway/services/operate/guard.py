"""Whether a person may do what they ask for; every denial is written down."""

import time
from collections.abc import Mapping
from typing import Any, Final

from gateway.domain.account import Person, Role
from gateway.domain.entry import Action, Actor, ActorKind, Entry
from gateway.domain.errors import JournalUnavailableError, PermanentError
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.count_denials import CountDenials
from gateway.services.operate.by_name import Operation
from gateway.services.operate.four_eyes import DECIDED_FOR_OTHERS
from gateway.services.operate.permissions import PERMITTED
from gateway.services.operate.refusals import NotFoundError

_WRITTEN_EVERY_S: Final = 1.0
_NOBODY: Final[frozenset[Role]] = frozenset()


class NotPermittedError(PermanentError):
    """None of the person's roles may do this; the arguments are the roles that may."""

    code = "operator.not_permitted"


class Guard:
    """Does operations for people who have signed in: the one way for the console and the API."""

    def __init__(
        self,
        operations: Mapping[str, Operation],
        *,
        journal: Journal,
        clock: Clock,
        denials: CountDenials | None = None,
    ) -> None:
        """Keep what it guards; opens nothing.

        Args:
            operations: What is done, by name.
            journal: Where denials are written down.
            clock: For the entries.
            denials: Counts those that come too fast to be written one by one; without it each
                is written.
        """
        self._operations = operations
        self._journal = journal
        self._clock = clock
        self._denials = denials
        # As many as there are accounts that were ever denied something.
        self._written_at: dict[str, float] = {}

    def may(self, person: Person, operation: str) -> bool:
        """Tell whether ``person`` may ask for ``operation``; writes nothing.

        What has no line in the table is for nobody.
        """
        return not PERMITTED.get(operation, _NOBODY).isdisjoint(person.roles)

    def needs(self, operation: str) -> list[Role]:
        """Return the roles of which one is needed, for whoever has to say why not."""
        return sorted(PERMITTED.get(operation, _NOBODY))

    async def perform(self, person: Person, operation: str, **arguments: object) -> Any:
        """Do ``operation`` and return its answer, as ``services.operate.by_name`` documents it.

        Raises:
            NotFoundError: There is no such operation, or not what it is about.
            NotPermittedError: The person may not; that they tried is an entry.
            KakehashiError: It was refused or failed.
        """
        if operation not in self._operations:
            raise NotFoundError(f"no operation of this name: {operation}")
        actor = Actor(ActorKind.OPERATOR, person.name)
        if not self.may(person, operation) or not await self._may_decide(
            person, operation, actor, arguments
        ):
            await self._note(actor, operation)
            raise NotPermittedError(*self.needs(operation))
        return await self._operations[operation](actor, arguments)

    async def _may_decide(
        self, person: Person, operation: str, actor: Actor, arguments: Mapping[str, object]
    ) -> bool:
        """Tell whether somebody may decide for others: only what they may do themselves."""
        if operation not in DECIDED_FOR_OTHERS:
            return True
        about = {"approval": arguments.get("approval")}
        asked: Any = await self._operations["approval.show"](actor, about)
        return self.may(person, asked["operation"])

    async def _note(self, actor: Actor, operation: str) -> None:
        """Write a denial down: at once, or counted if the same person's last one just was."""
        now = time.monotonic()
        last = self._written_at.get(actor.name)
        if self._denials is None or last is None or now - last >= _WRITTEN_EVERY_S:
            self._written_at[actor.name] = now
            try:
                await self._journal.record([self._denied(actor, operation)])
            except JournalUnavailableError:
                if self._denials is not None:
                    self._denials.count_operation(actor, operation)
                raise
        else:
            self._denials.count_operation(actor, operation)

    def _denied(self, actor: Actor, operation: str) -> Entry:
        return Entry(
            action=Action.OPERATION_DENIED,
            at=self._clock.now(),
            actor=actor,
            facts={"operation": operation},
        )
