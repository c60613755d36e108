"""Where is kept what operators set for destinations, and ask of them."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.control import CheckAsked, Control
from gateway.domain.entry import Entry


class Controls(Protocol):
    """The part of the journal that keeps what operators set. Errors are the journal's."""

    async def controls(self) -> Sequence[Control]:
        """Return every destination's last control, by destination."""

    async def put_control(self, control: Control, entry: Entry) -> bool:
        """Store ``control`` and its entry if it is the next version of its destination's.

        Returns:
            ``False``, and nothing is written, when it is not: somebody else changed it.
        """

    async def checks_asked(self) -> Sequence[CheckAsked]:
        """Return the last request of each destination, by destination."""

    async def ask_check(self, asked: CheckAsked, entry: Entry) -> None:
        """Store ``asked`` in place of its destination's last request, and the entry."""
