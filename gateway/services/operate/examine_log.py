"""Verify the log, or report on it, for people who do not stand and wait for the answer.

What was begun goes on in this process until it is done, stopped, or the process ends; what was
found is kept in memory until the next one of its kind.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import structlog

from gateway.domain.entry import Action, Actor, Entry
from gateway.domain.errors import KakehashiError
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.refusals import NotFoundError, OperationError
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.verify_log import VerifyLog

log = structlog.get_logger()

Kind = Literal["verify", "report"]
KINDS: Final[tuple[Kind, ...]] = ("verify", "report")


@dataclass(slots=True, kw_only=True)
class Examination:
    """One that was begun.

    Attributes:
        by: Who began it.
        began_at: When.
        state: ``running``, ``done``, ``failed`` or ``stopped``.
        ended_at: When it was none of ``running`` any more.
        read: How many sealed entries were verified so far.
        of: How many there are.
        found: ``verification``, and of a report ``figures``.
        code: Why it failed.
    """

    by: str
    began_at: datetime
    state: str = "running"
    ended_at: datetime | None = None
    read: int = 0
    of: int = 0
    found: dict[str, Any] | None = None
    code: str | None = None


class ExamineLog:
    """Runs one at a time, whoever asks."""

    def __init__(
        self, *, journal: Journal, verify: VerifyLog, report: ReportLog, clock: Clock
    ) -> None:
        """Keep what it works with; begins nothing."""
        self._journal = journal
        self._verify = verify
        self._report = report
        self._clock = clock
        self._last: dict[Kind, Examination] = {}
        self._task: asyncio.Task[dict[str, Any]] | None = None

    async def verify(self, *, actor: Actor) -> dict[str, Any]:
        """Begin to verify; see ``show`` for the answer.

        Raises:
            OperationError: One is running.
        """
        return self._begin("verify", actor, self._verified(actor))

    async def report(
        self, since: str, until: str, municipality: str | None = None, *, actor: Actor
    ) -> dict[str, Any]:
        """Begin a report on a period (``audit.report``), with a verification.

        Raises:
            OperationError: One is running.
        """
        return self._begin("report", actor, self._reported(actor, since, until, municipality))

    async def show(self, kind: Kind) -> dict[str, Any]:
        """Return how far the last one of its kind is, and what it found.

        Returns:
            ``by``, ``began_at``, ``state``, ``ended_at``, ``read``, ``of``, ``found``
            (``verification``, and of a report ``figures``), ``code``; all of them ``None`` if
            there was none since the process began.
        """
        one = self._last.get(kind)
        if one is None:
            names = ("by", "began_at", "state", "ended_at", "read", "of", "found", "code")
            return dict.fromkeys(names)
        ended = one.ended_at
        return {
            "by": one.by,
            "began_at": one.began_at.isoformat(timespec="seconds"),
            "state": one.state,
            "ended_at": None if ended is None else ended.isoformat(timespec="seconds"),
            "read": one.read,
            "of": one.of,
            "found": one.found,
            "code": one.code,
        }

    async def stop(self, *, actor: Actor) -> dict[str, Any]:
        """Stop the one that runs, whoever began it; that somebody did is an entry.

        Raises:
            NotFoundError: None does.
            JournalUnavailableError: It could not be written down, so it goes on.
        """
        task = self._task
        if task is None or task.done():
            raise NotFoundError("nothing reads the log now")
        facts = {"purpose": "examination.stopped"}
        entry = Entry(action=Action.LOG_READ, at=self._clock.now(), actor=actor, facts=facts)
        await self._journal.record([entry])
        task.cancel()
        await asyncio.wait({task})
        return {"stopped": True}

    def _begin(
        self, kind: Kind, actor: Actor, work: Coroutine[Any, Any, dict[str, Any]]
    ) -> dict[str, Any]:
        if self._task is not None and not self._task.done():
            work.close()
            raise OperationError("the whole log is being read already; ask when that is done")
        one = Examination(by=actor.name, began_at=self._clock.now())
        self._last[kind] = one
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(partial(self._end, one))
        return {"state": one.state}

    def _end(self, one: Examination, task: asyncio.Task[dict[str, Any]]) -> None:
        one.ended_at = self._clock.now()
        if task.cancelled():
            one.state = "stopped"
        elif (error := task.exception()) is None:
            one.state, one.found = "done", task.result()
        else:
            one.state = "failed"
            one.code = error.code if isinstance(error, KakehashiError) else "internal"
            log.warning("log.not_examined", code=one.code)

    def _tell(self, read: int, of: int) -> None:
        one = max(self._last.values(), key=lambda each: each.began_at)
        one.read, one.of = read, of

    async def _verified(self, actor: Actor) -> dict[str, Any]:
        return {"verification": await self._verify(actor=actor, told=self._tell)}

    async def _reported(
        self, actor: Actor, since: str, until: str, municipality: str | None
    ) -> dict[str, Any]:
        figures = await self._report(since, until, municipality=municipality, actor=actor)
        return {"figures": figures, **await self._verified(actor)}
