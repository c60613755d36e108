"""Keys that die with the process."""

from gateway.crypto import keyring, keys
from gateway.domain.errors import KeyNotFoundError


class MemoryKeys:
    """A ``KeyStore`` in memory, for tests and for keys that nothing shall outlive."""

    def __init__(self) -> None:
        """Start empty."""
        self._private: dict[str, bytes] = {}
        self._public: dict[str, bytes] = {}

    def private(self, name: str) -> bytes:
        """See ``KeyStore``."""
        if name not in self._private:
            raise KeyNotFoundError(name)
        return self._private[name]

    def public(self, name: str) -> bytes:
        """See ``KeyStore``."""
        return self._public.get(name) or keys.public_half(self.private(name))

    def names(self) -> tuple[str, ...]:
        """See ``KeyStore``."""
        return tuple(sorted({*self._private, *self._public}))

    def add(self, name: str, jwk: bytes, *, private: bool) -> None:
        """See ``KeyStore``."""
        present = [half[name] for half in (self._private, self._public) if name in half]
        keyring.admit(name, jwk, private=private, present=present)
        (self._private if private else self._public).setdefault(name, jwk)
