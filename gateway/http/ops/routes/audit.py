"""The audit log: searched, verified, proved and exported."""

from typing import Final

from gateway.http.ops.route import Items, Pages, Route
from gateway.http.ops.routes.audit_answers import (
    AuditEntry,
    Begun,
    Examination,
    LogHead,
    LogKey,
    Proof,
    ReceiptKey,
    Report,
    Restored,
    SealedEntries,
    Standing,
    Stopped,
    Tiles,
    Verification,
)
from gateway.services.operate.accept_restore import AcceptRestore
from gateway.services.operate.examine_log import ExamineLog
from gateway.services.operate.export_log import ExportLog
from gateway.services.operate.log_keys import ShowLogKeys
from gateway.services.operate.log_standing import ShowLogStanding
from gateway.services.operate.prove_entry import ProveEntry
from gateway.services.operate.report_log import ReportLog
from gateway.services.operate.search_log import SearchLog
from gateway.services.operate.verify_log import VerifyLog

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
