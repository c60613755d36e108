"""How what an entry tells of came out, as a table: what people search the log by."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from gateway.domain.entry import Action


class EntryOutcome(StrEnum):
    """How it came out."""

    DONE = "done"
    """It went as it should."""
    WAITING = "waiting"
    """Nothing is wrong, and nothing has happened yet."""
    REFUSED = "refused"
    """Somebody asked for something and was not let."""
    FAILED = "failed"
    """It had no effect, now or for good."""
    DOUBT = "doubt"
    """Nobody knows whether it had an effect."""
    DECIDED = "decided"
    """A person changed something."""
    READ = "read"
    """A person looked, and changed nothing."""
    NOTED = "noted"
    """The gateway tells of itself."""


OUTCOMES: Final[Mapping[Action, EntryOutcome]] = {
    Action.APPLICATION_ACCEPTED: EntryOutcome.DONE,
    Action.APPLICATION_REFUSED: EntryOutcome.REFUSED,
    Action.REQUESTS_DENIED: EntryOutcome.REFUSED,
    Action.DELIVERY_QUEUED: EntryOutcome.DONE,
    Action.DELIVERY_RETURNED: EntryOutcome.FAILED,
    Action.DELIVERY_CLAIMED: EntryOutcome.DONE,
    Action.DELIVERY_CLAIM_REFUSED: EntryOutcome.REFUSED,
    Action.DELIVERY_HELD: EntryOutcome.WAITING,
    Action.DELIVERY_DELIVERED: EntryOutcome.DONE,
    Action.DELIVERY_DEFERRED: EntryOutcome.FAILED,
    Action.DELIVERY_PARKED: EntryOutcome.FAILED,
    Action.DELIVERY_IN_DOUBT: EntryOutcome.DOUBT,
    Action.DELIVERY_DUE: EntryOutcome.WAITING,
    Action.DELIVERY_REPLAYED: EntryOutcome.DECIDED,
    Action.DELIVERY_CONFIRMED: EntryOutcome.DECIDED,
    Action.DELIVERY_CANCELLED: EntryOutcome.DECIDED,
    Action.DELIVERY_REPUBLISHED: EntryOutcome.FAILED,
    Action.OUTCOME_IGNORED: EntryOutcome.REFUSED,
    Action.MESSAGE_REFUSED: EntryOutcome.REFUSED,
    Action.FEEDBACK_RECEIVED: EntryOutcome.DONE,
    Action.WEBHOOK_SENT: EntryOutcome.DONE,
    Action.WEBHOOK_FAILED: EntryOutcome.FAILED,
    Action.WEBHOOK_DISABLED: EntryOutcome.FAILED,
    Action.WEBHOOK_ENABLED: EntryOutcome.DECIDED,
    Action.DESTINATION_CHANGED: EntryOutcome.DECIDED,
    Action.DESTINATION_CHECKED: EntryOutcome.DONE,
    Action.REPLAY_ORDERED: EntryOutcome.DECIDED,
    Action.REPLAY_HALTED: EntryOutcome.FAILED,
    Action.REPLAY_RESUMED: EntryOutcome.DECIDED,
    Action.REPLAY_CANCELLED: EntryOutcome.DECIDED,
    Action.REPLAY_FINISHED: EntryOutcome.DONE,
    Action.ATTENTION_NOTED: EntryOutcome.DECIDED,
    Action.ATTENTION_ACKNOWLEDGED: EntryOutcome.DECIDED,
    Action.APPROVAL_REQUESTED: EntryOutcome.WAITING,
    Action.APPROVAL_APPROVED: EntryOutcome.DECIDED,
    Action.APPROVAL_REFUSED: EntryOutcome.REFUSED,
    Action.APPROVAL_WITHDRAWN: EntryOutcome.DECIDED,
    Action.APPROVAL_EXPIRED: EntryOutcome.REFUSED,
    Action.ACCOUNT_CHANGED: EntryOutcome.DECIDED,
    Action.SESSION_OPENED: EntryOutcome.DONE,
    Action.SESSION_REFUSED: EntryOutcome.REFUSED,
    Action.SESSION_CLOSED: EntryOutcome.DONE,
    Action.OPERATION_DENIED: EntryOutcome.REFUSED,
    Action.LOG_LEVEL_CHANGED: EntryOutcome.DECIDED,
    Action.CLIENT_KEY_ADDED: EntryOutcome.DECIDED,
    Action.CLIENT_KEY_REVOKED: EntryOutcome.DECIDED,
    Action.KEY_MADE: EntryOutcome.NOTED,
    Action.KEY_CHANGED: EntryOutcome.NOTED,
    Action.KEY_GONE: EntryOutcome.NOTED,
    Action.LOG_NOT_SEALED: EntryOutcome.FAILED,
    Action.LOG_SEALED_AGAIN: EntryOutcome.NOTED,
    Action.LOG_RESTORED: EntryOutcome.DECIDED,
    Action.JOURNAL_BACKED_UP: EntryOutcome.NOTED,
    Action.DETAIL_SHREDDED: EntryOutcome.DECIDED,
    Action.APPLICATION_EXPIRED: EntryOutcome.NOTED,
    Action.PAYLOADS_EXPIRED: EntryOutcome.NOTED,
    Action.WORDS_EXPIRED: EntryOutcome.NOTED,
    Action.RECORDS_EXPIRED: EntryOutcome.NOTED,
    Action.RETENTION_FINISHED: EntryOutcome.DONE,
    Action.JOURNAL_REWRITTEN: EntryOutcome.DECIDED,
    Action.CLOCK_OBSERVED: EntryOutcome.NOTED,
    Action.NODE_STARTED: EntryOutcome.NOTED,
    Action.NODE_STOPPED: EntryOutcome.NOTED,
    Action.LOG_READ: EntryOutcome.READ,
}
"""Every action."""
