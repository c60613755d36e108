"""Random histories in a SQLite journal: one process, whose broker and workers die with it."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.journal import Journal
from gateway.sdk import Idempotency
from tests.property.delivery_history import DeliveryHistory, as_test


class EmbeddedHistory(DeliveryHistory):
    def make_journals(self) -> Sequence[Journal]:
        self.folder = TemporaryDirectory(prefix="kakehashi-history-")
        return [SQLiteJournal(Path(self.folder.name) / "journal.db", node=NodeName("gw-1"))]

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.folder.cleanup()


class LookupHistory(EmbeddedHistory):
    idempotency = Idempotency.LOOKUP


class NativeHistory(EmbeddedHistory):
    idempotency = Idempotency.NATIVE


class OrderedHistory(EmbeddedHistory):
    keys = (b"a" * 32, b"b" * 32)


class WithLastingBroker(EmbeddedHistory):
    idempotency = Idempotency.LOOKUP
    broker_lasts = True


TestHistoryWithoutDeduplication = as_test(EmbeddedHistory, examples=25)
TestHistoryWithLookup = as_test(LookupHistory, examples=25)
TestHistoryWithNativeKeys = as_test(NativeHistory, examples=25)
TestHistoryInOrder = as_test(OrderedHistory, examples=25)
TestHistoryWithLastingBroker = as_test(WithLastingBroker, examples=25)
