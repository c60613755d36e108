"""What the operations on the audit log answer, as models."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from gateway.domain.entry import ActorKind
from gateway.http.ops.answers import Answer, Count, Facts, Hexadecimal, Hop, Moment


class Who(Answer):
    """Who did it."""

    kind: ActorKind
    name: str


class AuditEntry(Hop):
    """One entry of the audit log; its members are those of docs/reference/audit-events.md."""

    index: Count | None = Field(description="`null` until it is sealed.")
    position: Count
    v: Count
    action: str
    at: Moment
    actor: Who
    facts: Facts
    node: str
    nseq: Count
    nprev: Hexadecimal
    municipality: str | None = None
    application: UUID | None = None
    delivery: UUID | None = None
    subject: str | None = None
    detail: str | None = Field(default=None, description="Words, encrypted.")


class NodeEnd(Answer):
    """A node's last good entry."""

    nseq: Count
    leaf: Hexadecimal


class Fault(Answer):
    """Something that is not as it was written."""

    index: int | None
    node: str | None
    nseq: int | None
    problem: str


class Warned(Answer):
    """Something worth knowing that is no failure."""

    index: int | None = None
    node: str | None
    nseq: int | None
    problem: str


class Verification(Answer):
    """What verifying the whole log found."""

    ok: bool
    entries: Count
    sealed: Count
    root: Hexadecimal
    matched: Count
    nodes: dict[str, NodeEnd]
    failures: list[Fault]
    first_bad_index: int | None
    warnings: list[Warned]
    unsettled: Count
    keys: Literal["own", "given"]


class ReportedLog(Answer):
    """The log as it was for a report."""

    origin: str
    size: Count
    root: Hexadecimal
    checkpoint: str
    sealed_at: Moment | None


class Period(Answer):
    """Which entries a report counts."""

    since: Moment
    until: Moment
    municipality: str | None


class Counted(Answer):
    """How often; beside it stands of what."""

    count: Count
    day: str | None = None
    procedure: str | None = None
    action: str | None = None
    code: str | None = None
    actor: str | None = None
    destination: str | None = None
    worker: str | None = None
    purpose: str | None = None


class ReportedEvent(Answer):
    """An entry that a report tells by itself."""

    index: Count
    at: Moment
    action: str
    actor: str
    node: str
    facts: Facts


class ReportedClock(Answer):
    """How a node's clock went."""

    node: str
    observed: Count
    most_moved_ms: Count
    unsynchronised: Count


class Report(Answer):
    """What the log says of a period, counted."""

    log: ReportedLog
    period: Period
    entries: Count
    unreadable: Count
    actions: dict[str, Count]
    volumes: list[Counted]
    outcomes: list[Counted]
    denials: list[Counted]
    openings: list[Counted]
    reads: list[Counted]
    decisions: list[Counted]
    keys: list[ReportedEvent]
    changes: list[ReportedEvent]
    clocks: list[ReportedClock]
    jumps: list[ReportedEvent]
    untold: dict[str, Count]


class ReceiptKey(Answer):
    """A key that signs receipts, as a JWK (RFC 7517)."""

    kty: str
    kid: str
    crv: str
    x: str
    alg: str
    use: str


class LogHead(Answer):
    """The log as it is now."""

    origin: str
    size: Count
    root: Hexadecimal
    checkpoint: str = Field(description="Signed note (C2SP `tlog-checkpoint`).")
    keys: list[str]
    checkpoints: list[str]
    receipt_keys: list[ReceiptKey]


class LogKey(Answer):
    """A key by which outsiders verify the log."""

    name: str
    vkey: str
    signs: bool


class SealedEntries(Answer):
    """Entries' exact bytes, in base64."""

    entries: list[str]


class Tiles(Answer):
    """Tiles of the tree, in base64; `null`: not there."""

    tiles: list[str | None]


class Proof(Answer):
    """One entry, and the proof that it stands in the log."""

    index: Count
    entry: str = Field(description="Its exact bytes, in base64.")
    proof: str = Field(description="C2SP `tlog-proof`.")


class Restored(Answer):
    """Behind which head the log goes on."""

    kept: Count | None
    size: Count
    aside: str | None


class Standing(Answer):
    """The log as it was last sealed."""

    size: Count
    unsealed: Count
    root: Hexadecimal | None
    sealed_at: Moment | None
    seal_age_s: float | None
    checkpoint: str | None
    origin: str | None
    keys: list[LogKey]


class ExaminationFound(Answer):
    """What was found: a verification, and for a report its figures."""

    verification: Verification | None = None
    figures: Report | None = None


class Examination(Answer):
    """How far the last examination of its kind is; everything is `null` where there was none."""

    by: str | None
    began_at: Moment | None
    state: Literal["running", "done", "failed", "stopped"] | None
    ended_at: Moment | None
    read: Count | None
    of: Count | None
    found: ExaminationFound | None
    code: str | None


class Begun(Answer):
    """An examination that has begun."""

    state: str


class Stopped(Answer):
    """An examination that was stopped."""

    stopped: bool
