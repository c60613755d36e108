"""Where a list goes on: a word that callers hand back as it is and do not look into."""

import base64
import binascii
import json
import re
from typing import Final

from gateway.http.ops.problems import OpsRefusedError, refuse
from gateway.schema.errors import FieldError

PARAMETER: Final = "cursor"
PATTERN: Final = "^[A-Za-z0-9_-]{1,512}$"
_WORD: Final = re.compile(r"[A-Za-z0-9_-]{1,512}")
_LARGEST: Final = 2**63 - 1


def written(place: str | int) -> str:
    """Return the word for a place in a list."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).rstrip(b"=").decode()


def read(word: str) -> str | int:
    """Return the place that a word stands for.

    Raises:
        OpsRefusedError: It is none of ours.
    """
    if not _WORD.fullmatch(word):
        raise _not_ours()
    try:
        place = json.loads(base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        raise _not_ours() from None
    is_number = isinstance(place, int) and not isinstance(place, bool) and 0 <= place <= _LARGEST
    if is_number or (isinstance(place, str) and place.isprintable()):
        return place  # type: ignore[no-any-return]  # it is one of the two
    raise _not_ours()


def _not_ours() -> OpsRefusedError:
    return refuse("request.invalid", errors=(FieldError(PARAMETER, "field.invalid"),))
