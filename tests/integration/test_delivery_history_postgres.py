"""Random histories in a PostgreSQL journal: two gateways, and a broker that outlives them."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from gateway.domain.identifiers import NodeName
from gateway.drivers.journal_postgres import PostgresJournal
from gateway.ports.journal import Journal
from gateway.sdk import Idempotency
from gateway.testing.postgres import PostgresNode
from tests.property.delivery_history import DeliveryHistory, as_test

pytestmark = pytest.mark.postgres


class SharedHistory(DeliveryHistory):
    broker_lasts = True
    server: ClassVar[PostgresNode]

    def make_journals(self) -> Sequence[Journal]:
        url = self.server.database()
        return [PostgresJournal(url, node=NodeName(name)) for name in ("gw-1", "gw-2")]


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    SharedHistory.server = PostgresNode.start()
    yield
    SharedHistory.server.remove()


class LookupHistory(SharedHistory):
    idempotency = Idempotency.LOOKUP


class NativeHistory(SharedHistory):
    idempotency = Idempotency.NATIVE


class OrderedHistory(SharedHistory):
    keys = (b"a" * 32, b"b" * 32)


TestHistoryWithoutDeduplication = as_test(SharedHistory, examples=6)
TestHistoryWithLookup = as_test(LookupHistory, examples=6)
TestHistoryWithNativeKeys = as_test(NativeHistory, examples=6)
TestHistoryInOrder = as_test(OrderedHistory, examples=6)
