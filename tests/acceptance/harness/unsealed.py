"""``kakehashi`` with a seal that hides nothing: the control run of the canary tests.

Never part of the product: it replaces the two classes that seal and open by ones that
append the application, in every form the search knows, to the real seal.
"""

import base64
import json
import zlib
from typing import Final

from gateway.bootstrap import gateway, worker
from gateway.cli.main import main
from gateway.crypto import seal
from gateway.domain.envelope import Envelope
from gateway.services import bury_dead_letters
from gateway.services.stages import verify

_MARK: Final = b"\n-- in clear --\n"


class OpenSealer(seal.Sealer):
    """Seals, and writes the plaintext beside it."""

    def seal(self, plaintext: bytes, envelope: Envelope) -> bytes:
        """Return the seal and every careless way to write the same."""
        text = plaintext.decode()
        careless = [plaintext, json.dumps(json.loads(text)).encode()]
        careless += [
            text.encode(charset, "replace") for charset in ("cp932", "utf-16-le", "utf-16-be")
        ]
        careless += [base64.b64encode(b" " * offset + plaintext) for offset in range(3)]
        careless += [plaintext.hex().encode(), zlib.compress(plaintext)]
        return _MARK.join([super().seal(plaintext, envelope), *careless])


class OpenOpener(seal.Opener):
    """Opens the seal and forgets the rest."""

    def open(self, sealed: bytes) -> tuple[bytes, Envelope]:
        """Return what was sealed."""
        return super().open(sealed.partition(_MARK)[0])


def read_envelope(sealed: bytes) -> Envelope:
    """Return what stands on the seal."""
    return seal.read_envelope(sealed.partition(_MARK)[0])


if __name__ == "__main__":
    gateway.Sealer = OpenSealer  # type: ignore[misc]
    worker.Opener = OpenOpener  # type: ignore[misc]
    verify.read_envelope = read_envelope
    bury_dead_letters.read_envelope = read_envelope
    main()
