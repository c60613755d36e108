"""What needs a second person, as the configuration says it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

_CHANGE: Final = "destination.change"
_PAUSED: Final = "paused"
"""The setting that pauses and resumes, by whichever operation it is changed."""

COVERS: Final[Mapping[str, frozenset[str]]] = {
    "replay.order": frozenset({"replay.order", "parked.replay", "parked.replay_each"}),
    "replay.resume": frozenset({"replay.resume"}),
    "parked.confirm": frozenset({"parked.confirm", "parked.confirm_each"}),
    "parked.cancel": frozenset({"parked.cancel", "parked.cancel_each"}),
    "destination.pause": frozenset({"destination.pause", _CHANGE}),
    "destination.resume": frozenset({"destination.resume", _CHANGE}),
    "destination.change": frozenset({_CHANGE}),
    "client.revoke": frozenset({"client.revoke"}),
    "account.change": frozenset({"account.change"}),
    "account.disable": frozenset({"account.disable"}),
    "account.enable": frozenset({"account.enable"}),
    "audit.shred": frozenset({"audit.shred"}),
    "audit.accept_restore": frozenset({"audit.accept_restore"}),
    "retention.run": frozenset({"retention.run"}),
}
"""What can be configured to need a second person, to the operations that are then covered: none
of them is a way round another. None answers with a secret, for the answer is the second
person's."""


@dataclass(frozen=True, slots=True)
class FourEyesRule:
    """What needs a second person.

    Attributes:
        operations: Names out of ``COVERS``.
        above: What concerns so many deliveries or fewer needs none; 0 for always.
        identities: Whether giving out accounts then does (``services.operate.identities``).
    """

    operations: frozenset[str] = frozenset()
    above: int = 0
    identities: bool = True

    @property
    def covered(self) -> frozenset[str]:
        """Every operation that is covered."""
        return frozenset().union(*(COVERS[name] for name in self.operations))

    def concerns(self, name: str, arguments: Mapping[str, object]) -> bool:
        """Tell whether a covered operation is meant as it is asked for.

        Where pausing and resuming need a second person and other changes do not, only a
        change that pauses or resumes does.
        """
        if name != _CHANGE or _CHANGE in self.operations:
            return True
        said = (arguments.get("settings"), arguments.get("reset"))
        return any(isinstance(each, Collection) and _PAUSED in each for each in said)
