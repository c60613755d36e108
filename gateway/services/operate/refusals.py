"""Why an operation is not done, in words for the operator."""

from typing import Final
from uuid import UUID

from gateway.domain.errors import PermanentError

_LONGEST_TEXT: Final = 200


class OperationError(PermanentError):
    """The operation cannot be done; the arguments say why, in words for the operator."""

    code = "operation.refused"


class ChangedMeanwhileError(OperationError):
    """Somebody else changed it after the operator looked; nothing was done."""

    code = "operation.changed_meanwhile"


class OwnRequestError(OperationError):
    """Somebody wants to decide what they asked for themselves."""

    code = "approval.own_request"


class DecidedError(OperationError):
    """A request was decided, withdrawn or has expired: it waits no more."""

    code = "approval.waits_no_more"


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


def printable(text: str, what: str) -> str:
    """Return ``text`` without space round it, if it is fit for the log and for screens.

    Raises:
        OperationError: It is empty, longer than 200 characters or not printable.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST_TEXT or not text.isprintable():
        raise OperationError(f"a {what} of 1 to {_LONGEST_TEXT} characters is required")
    return text
