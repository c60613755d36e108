"""Where keys are kept."""

from typing import Protocol


class KeyStore(Protocol):
    """Keeps JWKs (RFC 7517) and secrets by name; bytes in, bytes out.

    Names are slash-separated: ``gateway/signing`` (Ed25519), ``gateway/pseudonym``
    (an ``oct`` key of 256 bits), ``destination/NAME`` (P-256), ``worker/NAME``
    (Ed25519). A private JWK and a public JWK may stand under the same name; a
    gateway holds public halves of destinations and workers, a worker its own
    private ones and the gateway's public one.
    """

    def private(self, name: str) -> bytes:
        """Return the private or secret JWK as JSON.

        Raises:
            KeyNotFoundError: There is none.
            KeyUnusableError: Its file can be read by others, or is damaged.
        """

    def public(self, name: str) -> bytes:
        """Return the public JWK as JSON, from the public or else the private file.

        Raises:
            KeyNotFoundError: There is neither.
            KeyUnusableError: The file is damaged.
        """

    def names(self) -> tuple[str, ...]:
        """Return every name that has a private or a public key, sorted."""

    def add(self, name: str, jwk: bytes, *, private: bool) -> None:
        """Store a key, durably and with mode 0600 if private; never overwrites.

        Raises:
            KeyUnusableError: The name is taken by a different key.
        """
