"""Every field that a log line may have, and what it may hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FieldClass(StrEnum):
    """Who may see it."""

    PUBLIC = "public"
    """Anybody: numbers, ids and codes that say nothing of a person or of the house."""
    INTERNAL = "internal"
    """The operator's house: names of its systems, paths, addresses."""
    SECRET = "secret"  # noqa: S105 - the name of a class
    """Nobody: written as ``[secret]``."""
    PERSONAL = "personal"
    """Nobody: written as ``[personal]``."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Attributes:
        kind: Who may see it.
        meaning: What it says; a unit where it has one.
    """

    kind: FieldClass
    meaning: str


_PUBLIC: Final = {
    "age_ms": "milliseconds since the application was accepted",
    "answer_ms": "how long the endpoint took, in milliseconds",
    "application_id": "id of the application",
    "applications": "how many applications",
    "attempt": "number of the attempt, from 1",
    "body_bytes": "length of the body, in bytes",
    "by_s": "by how many seconds",
    "code": "stable code of what happened (docs/reference/errors.md)",
    "commit_ms": "until the journal had it for good, in milliseconds",
    "count": "how many",
    "declined": "why the worker does not want it now",
    "defect": "true if the adapter broke its contract",
    "deliveries": "how many deliveries it was split into",
    "delivery_id": "id of the delivery: the idempotency key that the core system sees",
    "details": "how many entries had words",
    "dropped": "how many were lost so far",
    "duration_ms": "from the parsed headers to the last byte of the answer, in milliseconds",
    "encoding": "name of a character set",
    "errno": "number of the operating system's error",
    "error": "class of an exception, never its text",
    "errors": "how many fields are wrong",
    "failure_id": "what a page of the console that could not be shown refers to",
    "faults": "codes of what is wrong",
    "files": "how many files",
    "header_bytes": "length of a message's headers, in bytes",
    "in_hand_ms": "from the copy's arrival at the worker to the attempt's end, in milliseconds",
    "known_until": "last day of the calendar",
    "lasted_s": "how long it lasted, in seconds",
    "lifetime_s": "how long it is good for, in seconds",
    "lines": "how many lines are wrong",
    "max_in_flight": "how many sends may run at once",
    "method": "HTTP method",
    "most": "the limit",
    "moved_ms": "how far a clock moved, in milliseconds",
    "nseq": "place in a node's chain",
    "order_id": "id of an order to send again",
    "off_s": "how far a clock is off, in seconds",
    "open": "whether copies may be taken",
    "outcome": "delivered, rejected, deferred or in_doubt",
    "pages": "how many pages",
    "payloads": "how many sealed payloads",
    "places": "where in an answer; never what stands there",
    "procedure": "`area/procedure`",
    "publish_ms": "until the broker had confirmed it, in milliseconds",
    "rate_per_s": "how many sends a second",
    "remedy": "what the operator does",
    "route": "template of the path, never the path",
    "sealed_bytes": "length of the sealed application, in bytes",
    "send_ms": "how long the adapter took, in milliseconds",
    "sha256": "digest of the effective configuration",
    "size": "entries of the log",
    "state": "of the delivery (docs/reference/lifecycle.md)",
    "status": "HTTP status, or the status that a core system gave",
    "synchronised": "whether the kernel's clock is kept by another",
    "trace_id": "trace of this hop (W3C Trace Context), 32 hexadecimal digits",
    "unfinished": "how many deliveries are unfinished",
    "unknown_fields": "how many fields of this line are not known here",
    "verdict": "what the worker was told",
    "version": "of the software",
    "versions": "of the schema",
    "wait_s": "how long it waits, in seconds",
    "waited_s": "how long it has waited, in seconds",
    "webhook_id": "id of the webhook",
}
_INTERNAL: Final = {
    "adapter": "name of an adapter",
    "client": "name of a front-end system, as configured",
    "config": "the effective configuration, without its secrets",
    "destination": "name of a core system, as configured",
    "detail": "one line of the adapter's about its health, or of a key's fingerprint",
    "file": "name of a file of ours",
    "folder": "name of a folder, as configured",
    "key": "name of a key, never the key",
    "library": "whose words it is",
    "message": "a library's message without its arguments",
    "municipality": "全国地方公共団体コード",
    "node": "name of a gateway process",
    "path": "path of a page of the console",
    "place": "file and line of our code",
    "purpose": "what a connection is for",
    "queue": "name of a queue",
    "reason": "why: a code, a class, or our own words",
    "setting": "name of a setting",
    "statement": "name of an SQL statement of ours",
    "subject": "what an error of ours is about",
    "worker": "name and instance of a worker",
}
_SECRET: Final = (
    *("api_key", "authorization", "credential", "credentials", "headers", "password"),
    *("passphrase", "private_key", "secret", "signature", "token", "traceparent", "url"),
)
_PERSONAL: Final = (
    *("account_number", "address", "applicant", "birth_date", "body", "content", "email", "kana"),
    *("my_number", "name", "payload", "phone", "receipt_number", "reference", "resident_code"),
)

FIELDS: Final[Mapping[str, Field]] = {
    **{name: Field(FieldClass.PUBLIC, text) for name, text in _PUBLIC.items()},
    **{name: Field(FieldClass.INTERNAL, text) for name, text in _INTERNAL.items()},
    **{name: Field(FieldClass.SECRET, "never written") for name in _SECRET},
    **{name: Field(FieldClass.PERSONAL, "never written") for name in _PERSONAL},
}
"""Name to field; any other is written as ``[unknown field]``."""
