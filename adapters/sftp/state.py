"""What the names and intents in the state folder mean; ``drop`` says how they are used. Pure."""

import json
import re
import secrets
import time
from dataclasses import dataclass
from typing import Final

MOST_INTENT_BYTES: Final = 8192

_KEY: Final = re.compile(r"[0-9a-f-]{36}")
_RANDOM_BYTES: Final = 6
_INTENT: Final = re.compile(r"([0-9a-f-]{36})\.intent")
_LEFTOVER: Final = re.compile(
    r"([0-9a-f-]{36})\.([0-9a-f]{8})[0-9a-f]{12}\.(?:part|trigger)(\.void)?"
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What an intent says: the delivered file's name, and the last part's."""

    name: str
    last_part: str


@dataclass(frozen=True, slots=True)
class StateFile:
    """A name in the state folder that is exactly ours.

    Attributes:
        key: The idempotency key.
        begun_at: When the attempt began by the clock of who wrote it, in seconds since 1970;
            ``None`` in an intent's name.
        is_void: Whether it is a part that was taken away.
    """

    key: str
    begun_at: int | None
    is_void: bool

    @property
    def is_intent(self) -> bool:
        """Whether it is an intent; the others are parts and triggers."""
        return self.begun_at is None


def new_token() -> str:
    """Return a token that no other attempt has: the time in 8 hex digits, and 12 random ones."""
    return f"{int(time.time()):08x}{secrets.token_hex(_RANDOM_BYTES)}"


def is_key(text: str) -> bool:
    """Tell whether a text is fit to become a file name as an idempotency key."""
    return _KEY.fullmatch(text) is not None


def intent_bytes(intent: Intent) -> bytes:
    """Return the content of an intent."""
    return json.dumps({"name": intent.name, "last_part": intent.last_part}).encode()


def intent_of(content: bytes) -> Intent | None:
    """Return what an intent says, ``None`` if it is not whole."""
    try:
        values = json.loads(content)
        return Intent(str(values["name"]), str(values["last_part"]))
    except (ValueError, KeyError, TypeError):
        return None


def begun_at(intent: Intent) -> int | None:
    """Return when the attempt that wrote an intent began, by its own clock."""
    file = state_file(intent.last_part.encode())
    return None if file is None else file.begun_at


def state_file(name: bytes) -> StateFile | None:
    """Return what a name means, ``None`` if it is not one of ours."""
    if not name.isascii():
        return None
    text = name.decode("ascii")
    if match := _INTENT.fullmatch(text):
        return StateFile(match[1], None, is_void=False)
    if match := _LEFTOVER.fullmatch(text):
        return StateFile(match[1], int(match[2], 16), is_void=match[3] is not None)
    return None
