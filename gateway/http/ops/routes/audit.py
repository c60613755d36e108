"""The audit log: searched, verified, proved and exported."""

from typing import Final, Literal
from uuid import UUID

from pydantic import Field

from gateway.domain.entry import ActorKind
from gateway.http.ops.answers import Answer, Count, Facts, Hexadecimal, Hop, Moment
from gateway.http.ops.route import Items, Pages, Route
from gateway.services.operate.accept_restore import AcceptRestore
from gateway.services.operate.examine_log import ExamineLog
from gateway.services.operate.export_log import ExportLog
from gateway.services.operate.log_keys import ShowLogKeys
from gateway.services.operate.log_standing import ShowLogStanding
from gateway.services.operate.prove_entry import ProveEntry
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.search_log import SearchLog
from gateway.services.operate.verify_log import VerifyLog


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


ROUTES: Final = (
    Route(
        method="GET",
        path="/audit/entries",
        operation="audit.search",
        does=SearchLog.__call__,
        summary="Entries of the audit log, latest first. Who searched is an entry.",
        answer=AuditEntry,
        shape=Pages("entries", told="before"),
        without=frozenset({"receipt_number"}),
    ),
    Route(
        method="POST",
        path="/audit/searches",
        operation="audit.search",
        name="audit.search.post",
        does=SearchLog.__call__,
        summary="As above, also by 受付番号, which stands in no URL and no access log.",
        answer=AuditEntry,
        shape=Pages("entries", told="before"),
    ),
    Route(
        method="POST",
        path="/audit/verifications",
        operation="audit.verify",
        does=VerifyLog.__call__,
        summary="Verify the whole log; one caller at a time.",
        answer=Verification,
        without=frozenset({"told"}),
    ),
    Route(
        method="GET",
        path="/audit/report",
        operation="audit.report",
        does=ReportLog.__call__,
        summary="What the log says of a period, counted; one caller at a time.",
        answer=Report,
        without=frozenset({"told"}),
    ),
    Route(
        method="GET",
        path="/audit/proofs",
        operation="audit.prove",
        does=ProveEntry.__call__,
        summary="Prove an acceptance, by `application`, or any entry, by `index`.",
        answer=Proof,
    ),
    Route(
        method="GET",
        path="/audit/checkpoint",
        operation="audit.head",
        does=ExportLog.head,
        summary="The log's signed head, and the checkpoints that are kept.",
        answer=LogHead,
    ),
    Route(
        method="GET",
        path="/audit/sealed-entries",
        operation="audit.entries",
        does=ExportLog.entries,
        summary="Sealed entries from an index on, as their exact bytes. Who read them is an entry.",
        answer=SealedEntries,
    ),
    Route(
        method="GET",
        path="/audit/tiles",
        operation="audit.tiles",
        does=ExportLog.tiles,
        summary="Tiles of the log's tree: hashes, which tell nothing of anybody.",
        answer=Tiles,
    ),
    Route(
        method="GET",
        path="/audit/keys",
        operation="audit.key",
        does=ShowLogKeys.__call__,
        summary="The keys by which outsiders verify the log.",
        answer=LogKey,
        shape=Items("keys"),
    ),
    Route(
        method="GET",
        path="/audit/receipt-keys",
        operation="audit.receipt_keys",
        does=ExportLog.receipt_keys,
        summary="The keys that sign receipts, as JWKs.",
        answer=ReceiptKey,
        shape=Items("keys"),
    ),
    Route(
        method="POST",
        path="/audit/restores",
        operation="audit.accept_restore",
        does=AcceptRestore.__call__,
        summary="Accept that the journal was put back: the log goes on from where it is now.",
        answer=Restored,
    ),
    Route(
        method="GET",
        path="/audit/standing",
        operation="audit.standing",
        does=ShowLogStanding.__call__,
        summary="The log as it was last sealed.",
        answer=Standing,
    ),
    Route(
        method="POST",
        path="/audit/examinations/verify",
        operation="audit.examine",
        does=ExamineLog.verify,
        summary="Begin to verify the log, without waiting for it.",
        answer=Begun,
        status=202,
    ),
    Route(
        method="POST",
        path="/audit/examinations/report",
        operation="audit.examine_period",
        does=ExamineLog.report,
        summary="Begin a report on a period, without waiting for it.",
        answer=Begun,
        status=202,
    ),
    Route(
        method="GET",
        path="/audit/examinations/{kind}",
        operation="audit.examination",
        does=ExamineLog.show,
        summary="How far the last examination is, and what it found: `verify` or `report`.",
        answer=Examination,
    ),
    Route(
        method="POST",
        path="/audit/examinations/stop",
        operation="audit.stop_examining",
        does=ExamineLog.stop,
        summary="Stop the examination that runs.",
        answer=Stopped,
    ),
)
