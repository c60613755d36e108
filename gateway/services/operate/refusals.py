"""Why an operation is not done, in words for the operator."""

from uuid import UUID

from gateway.domain.errors import PermanentError


class OperationError(PermanentError):
    """The operation cannot be done; the arguments say why, in words for the operator."""

    code = "operation.refused"


class NotFoundError(PermanentError):
    """There is no such application, delivery, client or key."""

    code = "operation.not_found"


def parse_id(text: str) -> UUID:
    """Return the id that ``text`` is.

    Raises:
        NotFoundError: It is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError(f"{text!r} is not an id") from None
