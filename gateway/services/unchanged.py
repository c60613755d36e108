"""For how long has a delivery been as it is? Told by this process's own looks at it."""

from datetime import datetime

from gateway.domain.identifiers import CopyId, DeliveryId
from gateway.domain.lifecycle import State
from gateway.domain.records import DeliveryRecord

_Mark = tuple[State, int, CopyId | None, datetime]


class Unchanged:
    """Remembers since when each delivery was seen unchanged, from one look to the next.

    Clocks that tell the time of day are set; how long ago a row was written is therefore not
    told by the time that stands in it. What was not seen at the look before begins anew, and
    so does everything when the process starts. Times are seconds that nobody sets
    (``time.monotonic``).
    """

    def __init__(self) -> None:
        """Have seen nothing."""
        self._seen: dict[DeliveryId, tuple[_Mark, float, float]] = {}

    def since(self, record: DeliveryRecord, at: float) -> float:
        """Return when ``record`` was first seen as it is; ``at``, the time of this look, if now."""
        mark = (record.state, record.attempt, record.copy, record.updated_at)
        known, first, _ = self._seen.get(record.id, (None, at, at))
        first = first if known == mark else at
        self._seen[record.id] = (mark, first, at)
        return first

    def end_look(self, at: float) -> None:
        """Forget what this look has not seen. A look that was broken off is not ended."""
        self._seen = {one: seen for one, seen in self._seen.items() if seen[2] == at}
