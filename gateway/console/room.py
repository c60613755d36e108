"""How many may have the same thing at once: what stands open costs something all the time."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gateway.domain.errors import TransientError


class FullError(TransientError):
    """Too many pages stand open, or too many lists are taken away, at this instant."""

    code = "console.full"


@dataclass(slots=True)
class Room:
    """A number of places, of which nobody takes all.

    Attributes:
        each: Most places of one person.
        most: Of all together.
    """

    each: int
    most: int
    _taken: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def place(self, person: str) -> Iterator[None]:
        """Have a place until the block ends.

        Raises:
            FullError: There is none.
        """
        if self._taken[person] >= self.each or self._taken.total() >= self.most:
            raise FullError
        self._taken[person] += 1
        try:
            yield
        finally:
            self._taken[person] -= 1
            if not self._taken[person]:
                del self._taken[person]


@dataclass(frozen=True, slots=True)
class Rooms:
    """What is bounded."""

    streams: Room = field(default_factory=lambda: Room(each=30, most=500))
    """Each looks for changes every two seconds."""
    exports: Room = field(default_factory=lambda: Room(each=1, most=3))
    """Each reads up to 100,000 applications, of a journal that others write."""
