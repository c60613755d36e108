"""Third stage: break the seal, in the memory of this worker and for this send only."""

import json
from datetime import datetime

from gateway.crypto.seal import Opener
from gateway.domain.envelope import Envelope
from gateway.domain.errors import SealInvalidError
from gateway.sdk import Application
from gateway.services.stages.verify import VerifiedCopy


def open_copy(copy: VerifiedCopy, opener: Opener) -> Application:
    """Return the application in clear.

    Raises:
        SealInvalidError: Not sealed to this key, or altered.
    """
    plaintext, envelope = opener.open(copy.sealed)
    return application(plaintext, envelope)


def application(raw: bytes, envelope: Envelope) -> Application:
    """Return the application that a front end sent as ``raw``.

    Raises:
        SealInvalidError: ``raw`` is not what this gateway accepts.
    """
    try:
        document = json.loads(raw)
        return Application(
            id=str(envelope.application_id),
            municipality=envelope.municipality,
            procedure=envelope.procedure,
            version=envelope.version,
            receipt_number=document["receipt_number"],
            supersedes=document.get("supersedes"),
            submitted_at=datetime.fromisoformat(document["submitted_at"]),
            accepted_at=envelope.accepted_at,
            applicant=document["applicant"],
            content=document["content"],
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        # "from None": the parser's error carries the text it stumbled on.
        raise SealInvalidError("content") from None
