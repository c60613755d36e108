"""Whoever reads the whole log takes a turn: the database is everybody's."""

from types import TracebackType

from gateway.services.operate.refusals import OperationError


class Turn:
    """One at a time: a context that nobody enters while somebody is in it."""

    def __init__(self) -> None:
        """Begin free."""
        self._is_taken = False

    def __enter__(self) -> None:
        """Take it.

        Raises:
            OperationError: Somebody has it.
        """
        if self._is_taken:
            raise OperationError("the whole log is being read already; ask when that is done")
        self._is_taken = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give it back."""
        self._is_taken = False
