"""Hash and compare passwords without holding anybody else up."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, TypeVar

from gateway.crypto import password as argon2
from gateway.domain.errors import TransientError

T = TypeVar("T")

MOST_WAITING: Final = 16
"""One takes a tenth of a second: nobody waits longer than some two seconds."""
_ALPHABET: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without what looks like something else on paper."""
_GROUPS, _GROUP_LENGTH = 4, 5


class BusyError(TransientError):
    """Too many people, or one who guesses, sign in at this instant."""

    code = "sign_in.busy"


class Passwords:
    """Does one at a time, in a thread: each takes 64 MiB, and the event loop goes on."""

    def __init__(self) -> None:
        """Compare nothing yet."""
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        # Who asks for an unknown name waits as long as for a known one, and is told the same.
        self._of_nobody: str | None = None

    async def digest_of(self, password: str) -> str:
        """Return what to keep of a password.

        Raises:
            BusyError: Too many wait.
        """
        return await self._one_at_a_time(lambda: argon2.digest_of(password))

    async def is_right(self, digest: str | None, password: str) -> bool:
        """Tell whether a password is the one that ``digest`` is of; ``None`` never has one.

        Raises:
            BusyError: Too many wait.
        """
        if self._of_nobody is None:
            self._of_nobody = await self.digest_of(secrets.token_urlsafe())
        of = self._of_nobody if digest is None else digest
        return await self._one_at_a_time(lambda: argon2.is_right(of, password)) and of is digest

    @staticmethod
    def is_outdated(digest: str) -> bool:
        """Tell whether a digest was made with weaker parameters than today's."""
        return argon2.is_outdated(digest)

    async def _one_at_a_time(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise BusyError
        self._waiting += 1
        try:
            async with self._turn:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def new_password() -> str:
    """Return a password to be told to somebody, such as ``h7k2m-…``: 99 random bits."""
    groups = (
        "".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS)
    )
    return "-".join(groups)
