"""What every kind of entry carries: the audit log's schema, beside the bytes of ``audit.chain``.

Whoever writes an entry writes these facts and no others; ``docs/reference/audit-events.md`` is
made of this table. Facts are codes, names of the configuration, numbers, times and ids. Words
of persons and core systems stand in the entry's detail, encrypted (``crypto.detail``).
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.entry import Action

VERSIONS: Final[Mapping[int, str]] = {
    1: "As it was before the log was sealed: without `subject` and `detail`. A reason stood in "
    "the fact `reason`, and an acceptance had the fact `receipt_pseudonym`, the same for every "
    "year.",
    2: "Now: `subject` stands for the 受付番号, under a key for each municipality and year; "
    "`detail` has the free words, encrypted under a key of its own.",
}
"""Version (the member ``v``) to what it is."""


@dataclass(frozen=True, slots=True)
class Carries:
    """What entries of one action carry.

    Attributes:
        facts: Name to meaning; each of them is always there, ``null`` where it says nothing.
        sometimes: The same, of those that may be missing.
        words: Names in the detail to their meaning; an action without any has no detail.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    sometimes: Mapping[str, str] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)


_STEP: Final = {
    "destination": "whose delivery it is",
    "state": "of the delivery, after the step",
    "attempt": "number of the attempt, from 1",
}
_COPY: Final = {"copy": "id of the copy on the broker"}
_RELAYED: Final = {**_STEP, **_COPY, "code": "why it was parked"}
_CLAIM: Final = {
    **_STEP,
    **_COPY,
    "verdict": "what the worker was told",
    "code": "why it was not let",
    "due_at": "when it is tried again",
}
_OUTCOME: Final = {
    **_STEP,
    **_COPY,
    "outcome": "what the worker reported: delivered, rejected, deferred or in_doubt",
    "code": "the core system's or adapter's code, of ASCII letters, digits and `._:+-`",
    "pointer": "JSON pointer of the field that the core system objected to",
    "counted": "whether the attempt counts against the budget",
    "defect": "true if the adapter broke its contract",
    "flagged": "true if the delivery arrived after it was cancelled",
    "due_at": "when the next attempt is due",
    "received_at": "when the worker got the copy",
    "opened_at": "when it opened the seal",
    "sent_at": "when it called the adapter",
    "answered_at": "when the adapter returned",
}
_FOUND: Final = {**_STEP, "code": "why"}
_DECIDED: Final = {
    **_STEP,
    "was": "the state before",
    "order": "the order to send again that it belongs to",
}
_WEBHOOK: Final = {
    "client": "whose endpoint it is",
    "webhook": "its id, the same for every attempt",
    "sequence": "its place among those about the application, from 1",
    "attempt": "number of the attempt, from 1",
    "status": "HTTP status; null if there was no answer",
}
_REASON: Final = {"reason": "why, in the operator's words"}
_ORDER: Final = {"order": "id of the order"}
_GROUP: Final = {
    "group": "its id",
    "state": "parked or in_doubt",
    "destination": "where its deliveries were to go",
    "code": "why they wait",
    "adapter": "name and version of what made their last attempt",
}
_APPROVAL: Final = {
    "approval": "id of the request",
    "operation": "what was asked for",
    "requested_by": "who asked for it",
}
_TALLY: Final = "how many of the first deliveries are "
_TERM: Final = "how many days it is kept, as configured then"
_BEFORE: Final = "what was final before this time"
_NODE: Final = {"version": "of the gateway's software"}

CARRIED: Final[Mapping[Action, Carries]] = {
    Action.APPLICATION_ACCEPTED: Carries(
        {
            "procedure": "`area/procedure`",
            "version": "of the procedure",
            "commitment": "HMAC-SHA-256 of the body, under a key that only the client was given",
            "supersedes": "id of the application that it replaces",
            "deliveries": "ids of its deliveries, with spaces between them",
        }
    ),
    Action.APPLICATION_REFUSED: Carries(
        {
            "status": "HTTP status",
            "code": "why",
            "errors": "codes of what is wrong in the body, with spaces between them",
        }
    ),
    Action.REQUESTS_DENIED: Carries(
        {"code": "why", "count": "how many within the second, of this actor"}
    ),
    Action.DELIVERY_QUEUED: Carries(_RELAYED),
    Action.DELIVERY_RETURNED: Carries({"destination": "whose queue is missing", "code": "why"}),
    Action.DELIVERY_CLAIMED: Carries(_CLAIM),
    Action.DELIVERY_CLAIM_REFUSED: Carries(_CLAIM),
    Action.DELIVERY_HELD: Carries(_CLAIM),
    Action.DELIVERY_DELIVERED: Carries(_OUTCOME),
    Action.DELIVERY_DEFERRED: Carries(_OUTCOME),
    Action.DELIVERY_PARKED: Carries(
        _FOUND,
        {
            **{name: text for name, text in _OUTCOME.items() if name not in _FOUND},
            "verdict": "what the worker was told that asked for it",
        },
    ),
    Action.DELIVERY_IN_DOUBT: Carries(
        _FOUND,
        {
            **{name: text for name, text in _OUTCOME.items() if name not in _FOUND},
            "worker": "whose claim came to nothing",
        },
    ),
    Action.DELIVERY_DUE: Carries(_RELAYED),
    Action.DELIVERY_REPLAYED: Carries(_DECIDED, words=_REASON),
    Action.DELIVERY_CONFIRMED: Carries(
        _DECIDED, words={**_REASON, "reference": "the core system's number, if it was given"}
    ),
    Action.DELIVERY_CANCELLED: Carries(_DECIDED, words=_REASON),
    Action.DELIVERY_REPUBLISHED: Carries(
        {**_STEP, "published_at": "when the missing copy was published"}
    ),
    Action.OUTCOME_IGNORED: Carries(_OUTCOME),
    Action.MESSAGE_REFUSED: Carries(
        {"kind": "of message", "code": "why"}, {"destination": "in whose queue it was"}
    ),
    Action.FEEDBACK_RECEIVED: Carries(
        {
            "destination": "which core system's",
            "status": "accepted, returned, rejected, withdrawn or completed",
            "code": "the core system's reason code",
            "decided_at": "when it was decided there",
        }
    ),
    Action.WEBHOOK_SENT: Carries(_WEBHOOK),
    Action.WEBHOOK_FAILED: Carries(
        {**_WEBHOOK, "code": "why", "due_at": "when the next attempt is due"}
    ),
    Action.WEBHOOK_DISABLED: Carries(
        {
            "client": "whose endpoint it is",
            "code": "of the last failure",
            "failing_since": "when the first failure was after the last success",
        }
    ),
    Action.WEBHOOK_ENABLED: Carries(
        {"client": "whose endpoint it is", "disabled_at": "since when nothing was sent to it"}
    ),
    Action.DESTINATION_CHANGED: Carries(
        {
            "destination": "which",
            "version": "of its settings by hand, from 1",
            "set": "`setting=value`, with commas between them",
            "reset": "the same, of what is as configured again",
            "in_force": "the same, of all that is set by hand now",
        },
        words=_REASON,
    ),
    Action.DESTINATION_CHECKED: Carries(
        {"destination": "which", "workers": "how many of them lived when they were asked"}
    ),
    Action.REPLAY_ORDERED: Carries(
        {
            **_ORDER,
            "deliveries": "how many were selected",
            "selection": "state, destination, codes and times that were asked for",
            "canary": "how many go first",
            "rate_per_s": "at most so many a second",
        },
        words=_REASON,
    ),
    Action.REPLAY_HALTED: Carries(
        {
            **_ORDER,
            **{state: _TALLY + state for state in ("delivered", "parked", "in_doubt", "cancelled")},
        }
    ),
    Action.REPLAY_RESUMED: Carries(_ORDER, words=_REASON),
    Action.REPLAY_CANCELLED: Carries(_ORDER, words=_REASON),
    Action.REPLAY_FINISHED: Carries(
        {**_ORDER, "replayed": "how many were sent again", "left_alone": "how many were not"}
    ),
    Action.ATTENTION_NOTED: Carries(_GROUP, words={"note": "what was written"}),
    Action.ATTENTION_ACKNOWLEDGED: Carries(
        {**_GROUP, "until": "when it is open again; null for as soon as something new waits"},
        words={"note": "what is being done"},
    ),
    Action.APPROVAL_REQUESTED: Carries(
        {
            **_APPROVAL,
            "subject": "what it is about: a selection, an id or names of the configuration",
            "deliveries": "how many deliveries it concerned then",
            "expires_at": "when it is too late",
        },
        words=_REASON,
    ),
    Action.APPROVAL_APPROVED: Carries(_APPROVAL, words=_REASON),
    Action.APPROVAL_REFUSED: Carries(_APPROVAL, words=_REASON),
    Action.APPROVAL_WITHDRAWN: Carries(_APPROVAL, words=_REASON),
    Action.APPROVAL_EXPIRED: Carries(_APPROVAL),
    Action.ACCOUNT_CHANGED: Carries(
        {
            "account": "whose",
            "change": "made, password, roles, disabled, enabled, token_added or token_revoked",
            "roles": "what it may do since, with spaces between",
        },
        {"token": "public part of the token that it is about"},
    ),
    Action.SESSION_OPENED: Carries({"account": "who"}),
    Action.SESSION_REFUSED: Carries(
        {
            "account": "whose name was given, if there is such an account; null if not",
            "code": "why",
            "count": "how many times within one second",
        }
    ),
    Action.SESSION_CLOSED: Carries({"account": "who", "code": "why"}),
    Action.OPERATION_DENIED: Carries(
        {"operation": "what was asked for"},
        {"count": "how many times more within the second after the actor's last entry of these"},
    ),
    Action.LOG_LEVEL_CHANGED: Carries(
        {
            "level": "the least severe that is written since; `configured`: as before",
            "destination": "of whose lines; null for all",
            "events": "how the events begin; null for all",
            "for_s": "for how many seconds; null until the process ends",
        }
    ),
    Action.CLIENT_KEY_ADDED: Carries({"key": "its public part", "client": "whose it is"}),
    Action.CLIENT_KEY_REVOKED: Carries({"key": "its public part", "client": "always null"}),
    Action.KEY_MADE: Carries(
        {"key": "its name in the key store", "kid": "its thumbprint (RFC 7638)"}
    ),
    Action.KEY_CHANGED: Carries(
        {
            "key": "name of the key that signs from here on",
            "key_id": "its id in signatures (C2SP signed-note), 8 hexadecimal digits",
            "was": "name of the key that signed before",
        }
    ),
    Action.KEY_GONE: Carries(
        {"key": "its name in the key store", "kid": "its thumbprint (RFC 7638)"}
    ),
    Action.LOG_NOT_SEALED: Carries(
        {
            "code": "what is known to keep it from being sealed: `log.unusable`, "
            "`journal.unavailable`, or `log.no_turn`, when another process holds the turn",
            "waited_s": "how many seconds an entry of this node has had no index",
            "size": "how many entries are sealed, as far as this node knows",
        }
    ),
    Action.LOG_SEALED_AGAIN: Carries(
        {
            "lasted_s": "how many seconds an entry of this node had no index",
            "size": "how many entries are sealed",
        }
    ),
    Action.LOG_RESTORED: Carries(
        {
            "kept": "how many entries the last signed checkpoint stood for; null if none could be "
            "read",
            "kept_root": "its root, 64 hexadecimal digits",
            "size": "how many entries the log went back to, 0 if nothing of it was sealed",
            "root": "the root of those; null if there are none",
        },
        words=_REASON,
    ),
    Action.JOURNAL_BACKED_UP: Carries(
        {
            "bytes": "size of the copy",
            "entries": "how many entries are in it, sealed or not",
            "size": "how many of them are sealed, 0 if none is",
            "root": "the root of those, 64 hexadecimal digits; null if there are none",
        },
        words={"file": "where the copy was written"},
    ),
    Action.DETAIL_SHREDDED: Carries({"details": "how many keys were destroyed"}, words=_REASON),
    Action.APPLICATION_EXPIRED: Carries(
        {
            "deliveries": "ids of its deliveries, with spaces between them",
            "since": "when it became final or last had feedback: from then on it was kept",
            "term_days": _TERM,
        }
    ),
    Action.PAYLOADS_EXPIRED: Carries(
        {"payloads": "how many", "before": _BEFORE, "term_days": _TERM}
    ),
    Action.WORDS_EXPIRED: Carries(
        {
            "details": "how many keys were destroyed",
            "before": "entries from before this time have no words any more: this municipality's, "
            "or those that concern no single one",
            "term_days": _TERM,
        }
    ),
    Action.RECORDS_EXPIRED: Carries(
        {
            "replays": "how many ended orders to send again",
            "approvals": "how many decided requests for a second person",
            "notes": "how many notes on what waits",
            "before": "those from before this time",
            "term_days": _TERM,
        }
    ),
    Action.RETENTION_FINISHED: Carries(
        {
            "payloads": "how many payloads",
            "applications": "how many applications",
            "details": "how many keys of words by themselves, without their application",
            "began_at": "when it was begun; what was kept for long enough then is gone",
        }
    ),
    Action.JOURNAL_REWRITTEN: Carries(),
    Action.CLOCK_OBSERVED: Carries(
        {
            "moved_ms": "how far the clock moved against the steady one since the last entry",
            "synchronised": "whether the kernel says that the clock is kept by another one",
            "sealed_size": "how many entries are sealed, as far as this node knows",
            "sealed_age_s": "how many seconds ago that was signed, by this node's clock",
        }
    ),
    Action.NODE_STARTED: Carries(
        {
            **_NODE,
            "configuration": "HMAC-SHA-256 of the effective configuration: another one is a "
            "change since this node's last start",
        }
    ),
    Action.NODE_STOPPED: Carries(_NODE),
    Action.LOG_READ: Carries(
        {
            "purpose": "what for: the operation, as `status` or `verify`; `verify.result` is what "
            "a verification found, whose `verify` is an entry before it; `examination.stopped` "
            "ends one that runs, whoever began it"
        },
        {
            "ok": "whether what was read was whole",
            "entries": "how many were read",
            "filter": "what was searched by, with spaces between; never a 受付番号 itself",
            "actions": "which actions were searched for, with spaces between",
            "outcomes": "which outcomes were searched for, with spaces between",
            "actor": "whose entries were searched for; null if there were none",
            "actor_kind": "of whom",
            "since": "from when on",
            "until": "until when",
            "first": "index of the first entry that was read",
            "size": "size of the log that was read",
        },
    ),
}
"""Every action."""


def faults(action: str, facts: AbstractSet[str], *, has_detail: bool) -> list[str]:
    """Return how an entry differs from its schema, in words; nothing when it does not.

    Args:
        action: What happened.
        facts: The names of the facts that it carries.
        has_detail: Whether it has a detail.
    """
    try:
        carries = CARRIED[Action(action)]
    except ValueError:
        return [f"{action}: no such action"]
    unknown = facts - carries.facts.keys() - carries.sometimes.keys()
    return [
        *(f"{action}: {name} is missing" for name in sorted(carries.facts.keys() - facts)),
        *(f"{action}: {name} is not documented" for name in sorted(unknown)),
        *([f"{action}: detail"] if has_detail != bool(carries.words) else []),
    ]
