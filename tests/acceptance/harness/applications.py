"""Valid applications to send: the shipped examples, each with a 受付番号 of its own."""

import json
import secrets
from pathlib import Path
from typing import Any, Final

MUNICIPALITY: Final = "131016"
CHILDCARE: Final = "childcare/allowance-claim"
CARE: Final = "care/certification-claim"
DISASTER: Final = "disaster/damage-certificate"
PROCEDURES: Final = (CHILDCARE, CARE, DISASTER)

_SCHEMAS: Final = Path(__file__).resolve().parents[3] / "schemas"


def document(procedure: str, receipt_number: str | None = None) -> dict[str, Any]:
    """Return a complete, valid application to our municipality."""
    path = next(iter(sorted((_SCHEMAS / procedure / "examples" / "valid").glob("01*.json"))))
    application: dict[str, Any] = json.loads(path.read_text())
    application["receipt_number"] = receipt_number or f"T-{secrets.token_hex(10)}"
    application["applicant"]["destination"] = {
        "municipality_code": MUNICIPALITY,
        "addressee": "千代田区長",
    }
    return application


def body(procedure: str, receipt_number: str | None = None) -> bytes:
    """Return the same as the bytes of a request."""
    return as_bytes(document(procedure, receipt_number))


def as_bytes(application: dict[str, Any]) -> bytes:
    """Return an application as the bytes of a request."""
    return json.dumps(application, ensure_ascii=False, separators=(",", ":")).encode()
