"""Receipts of acceptances as front ends keep them: what they say, and whether it was signed."""

import json
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from gateway.cli.failures import CommandError, ExitCode
from gateway.crypto import keys
from gateway.crypto.sign import UNKNOWN_KEY, Purpose, Verifier
from gateway.domain.errors import KakehashiError, SignatureInvalidError

NOT_CHECKED = "signature not checked: by a key that is not here"
"""Of a receipt that an earlier key of the gateway may have signed, or anybody."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a file says.

    Attributes:
        text: The compact JWS.
        application: The id that it is for.
        leaf: The leaf hash of the acceptance, 32 bytes.
    """

    text: str
    application: str
    leaf: bytes

    def flaw(self, known: Verifier) -> str | None:
        """Return why it is not to be believed, in words; ``None`` if a known key signed it."""
        try:
            known.verify_attached(self.text, Purpose.RECEIPT)
        except SignatureInvalidError as error:
            [why] = error.args
            return NOT_CHECKED if why == UNKNOWN_KEY else f"not signed as a receipt is: {why}"
        return None


def read_receipt(file: Path) -> Receipt:
    """Return the receipt in a file, as it is or in the answer that it came in.

    Raises:
        CommandError: There is none.
    """
    try:
        text = file.read_text(encoding="utf-8").strip()
        if text.startswith("{"):
            text = str(json.loads(text)["receipt"])
        payload = text.split(".")[1]
        claims = json.loads(b64decode(payload + "=" * (-len(payload) % 4), altchars=b"-_"))
        return Receipt(text, str(UUID(claims["application"])), bytes.fromhex(claims["leaf"]))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        raise CommandError(f"{file}: not a receipt", ExitCode.USAGE) from None


def read_receipt_keys(file: Path) -> Verifier:
    """Return the keys of a JWKS.

    Raises:
        CommandError: It is none of public signing keys.
    """
    try:
        return receipt_keys(json.loads(file.read_bytes()))
    except (ValueError, KeyError, TypeError, KakehashiError):
        raise CommandError(f"{file}: not a JWKS", ExitCode.USAGE) from None


def receipt_keys(jwks: Any) -> Verifier:
    """Return the keys of a JWKS (RFC 7517)."""
    known = [json.dumps(jwk).encode() for jwk in jwks["keys"]]
    return Verifier({keys.thumbprint(jwk): jwk for jwk in known})
