"""What is sent: one shipped example, to four municipalities, each time with its own numbers.

Four municipalities mean four destinations, so that a whole measurement fits into the relay's
lanes (1,000 copies out each) and nothing of its work is left for after the measurement.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

PROCEDURE: Final = "childcare/allowance-claim"
MUNICIPALITIES: Final = {
    "131016": "千代田区",
    "131024": "中央区",
    "131032": "港区",
    "131041": "新宿区",
}
"""全国地方公共団体コード to name."""
DESTINATIONS: Final = {code: f"jido-{code}" for code in MUNICIPALITIES}
"""Where each municipality's applications go; the queues have these names, too."""

EXAMPLES: Final = Path(__file__).parent.parent / "schemas" / PROCEDURE / "examples" / "valid"
_MARK: Final = "RECEIPT-NUMBER"


def bodies(municipalities: Iterable[str] = MUNICIPALITIES) -> dict[str, tuple[bytes, bytes]]:
    """Return each municipality's body, in the two halves round its 受付番号; about 2 KB."""
    example = json.loads(min(EXAMPLES.glob("*.json")).read_text("utf-8"))
    halves = {}
    for code in municipalities:
        name = MUNICIPALITIES.get(code, code)
        example["receipt_number"] = _MARK
        example["applicant"]["destination"] = {"municipality_code": code, "addressee": f"{name}長"}
        text = json.dumps(example, ensure_ascii=False, separators=(",", ":"))
        before, after = text.encode().split(_MARK.encode())
        halves[code] = (before, after)
    return halves


def requests(run: str, count: int, *, host: str, api_key: str) -> list[bytes]:
    """Return whole HTTP requests, ready to be written to a connection.

    Args:
        run: Tells this run's 受付番号 and keys from those of all others.
        count: How many.
        host: For the ``Host`` header.
        api_key: The client's.
    """
    halves = list(bodies().items())
    made = []
    for number in range(count):
        code, (before, after) = halves[number % len(halves)]
        mark = f"{run}-{number:06}".encode()
        body = before + mark + after
        head = (
            f"POST /v1/municipalities/{code}/applications HTTP/1.1\r\nHost: {host}\r\n"
            f"Authorization: Bearer {api_key}\r\nContent-Type: application/json\r\n"
            f"Idempotency-Key: {mark.decode()}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made
