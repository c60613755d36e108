"""Names for what must not be named: keyed hashes of numbers, keys and bodies.

A plain hash of a 受付番号, or of a form whose only unknown is a My Number, can be found
by trying all of them; without the secret these cannot. Byte for byte, version 1::

    master      = the 32 bytes of the secret
    key(a, b)   = HKDF-SHA256 (RFC 5869), ikm = master, no salt, 32 bytes,
                  info = ASCII("kakehashi/1/" a) || 0x00 || UTF-8(b)
    receipt     = HMAC-SHA256(key("receipt-number", municipality), UTF-8(受付番号))
    subject     = HMAC-SHA256(key("subject", municipality "/" year), UTF-8(受付番号))
    idempotency = HMAC-SHA256(key("idempotency-key", client), UTF-8(Idempotency-Key))
    order       = HMAC-SHA256(key("order", destination), UTF-8(JSON of the value))
    commitment  = HMAC-SHA256(key("commitment", application id), raw body)
    settings    = HMAC-SHA256(key("settings", ""), UTF-8(JSON of the configuration))

with the application id in its 36-character form, and the year in four digits: that in
Asia/Tokyo, of the audit entry's time. The labels keep one kind of pseudonym from ever
equalling another.
"""

import hmac
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.crypto import keys
from gateway.domain.identifiers import (
    ApplicationId,
    ClientName,
    DestinationName,
    MunicipalityCode,
)

_KEY_BYTES: Final = 32
_HERE: Final = ZoneInfo("Asia/Tokyo")


def year_of(at: datetime) -> int:
    """Return the year whose key stands for a 受付番号 in an entry of this time."""
    return at.astimezone(_HERE).year


class Pseudonyms:
    """Derives every pseudonym from one secret. Changing the secret changes them all."""

    def __init__(self, secret_jwk: bytes) -> None:
        """Take the secret.

        Raises:
            KeyUnusableError: It is not an ``oct`` key of 256 bits.
        """
        self._master = keys.secret(secret_jwk)
        self._scoped: dict[tuple[str, str], bytes] = {}

    def receipt_mac(self, municipality: MunicipalityCode, receipt_number: str) -> bytes:
        """Return 32 bytes that stand for a 受付番号 of a municipality."""
        return self._mac("receipt-number", municipality, receipt_number.encode())

    def subject(self, municipality: MunicipalityCode, year: int, receipt_number: str) -> bytes:
        """Return 32 bytes that stand for a 受付番号 in the audit log of one year (``year_of``).

        Another than ``receipt_mac``: whoever is given a year's key can search that year's
        log and nothing else.
        """
        return self._mac("subject", f"{municipality}/{year:04}", receipt_number.encode())

    def settings_mac(self, text: str) -> bytes:
        """Return 32 bytes that stand for a configuration, which may hold a password."""
        return self._mac("settings", "", text.encode())

    def idempotency_mac(self, client: ClientName, key: str) -> bytes:
        """Return 32 bytes that stand for an ``Idempotency-Key`` of a client."""
        return self._mac("idempotency-key", client, key.encode())

    def order_mac(self, destination: DestinationName, value: str) -> bytes:
        """Return 32 bytes that stand for what deliveries to a destination are ordered by."""
        return self._mac("order", destination, value.encode())

    def commitment(self, application_id: ApplicationId, body: bytes) -> tuple[bytes, bytes]:
        """Return the application's own key and its commitment to ``body``, 32 bytes each.

        Whoever has the key can show that the body is the one that was accepted;
        without it the commitment tells nothing.
        """
        key = self._derive("commitment", str(application_id))
        return key, hmac.digest(key, body, "sha256")

    def _mac(self, label: str, scope: str, text: bytes) -> bytes:
        # Clients and municipalities are configured, and years are few: so are these keys.
        key = self._scoped.get((label, scope))
        if key is None:
            key = self._scoped[label, scope] = self._derive(label, scope)
        return hmac.digest(key, text, "sha256")

    def _derive(self, label: str, scope: str) -> bytes:
        info = b"kakehashi/1/" + label.encode("ascii") + b"\x00" + scope.encode()
        return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(self._master)
