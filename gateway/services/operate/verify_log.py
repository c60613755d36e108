"""Verify the audit log, and record that it was read."""

from gateway.audit.verify import Finding, Verifier
from gateway.domain.entry import Action, Actor, Entry
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal


class VerifyLog:
    """Reads every node's chain from its first entry."""

    def __init__(self, *, journal: Journal, clock: Clock) -> None:
        """Keep what it works with; opens nothing."""
        self._journal = journal
        self._clock = clock

    async def __call__(self, *, actor: Actor) -> dict[str, object]:
        """Verify every node's chain, and record that the log was read.

        Returns:
            ``ok``, ``entries``, ``nodes`` (each one's last good entry), and the first bad
            entry of each chain with what is wrong there in words.
        """
        verifier = Verifier()
        async for stored in self._journal.entries():
            verifier.feed(stored)
        report = verifier.finish()
        entry = Entry(
            action=Action.LOG_READ,
            at=self._clock.now(),
            actor=actor,
            facts={"purpose": "verify", "ok": report.ok, "entries": report.entries},
        )
        await self._journal.record([entry])
        return {
            "ok": report.ok,
            "entries": report.entries,
            "nodes": {
                node: {"nseq": head.nseq, "leaf": head.leaf.hex()}
                for node, head in report.heads.items()
            },
            "failures": [_finding(finding) for finding in report.failures],
            "warnings": [_finding(finding) for finding in report.warnings],
        }


def _finding(finding: Finding) -> dict[str, object]:
    return {"node": finding.node, "nseq": finding.nseq, "problem": finding.problem}
