"""What every journal must do as an outbox of webhooks.

A driver's test mixes ``WebhooksContract``, or ``SharedWebhooksContract``, into the class
that keeps ``JournalContract`` and its fixtures.
"""
# ruff: noqa: D102 - a test's name is its docstring

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.domain.entry import Action
from gateway.domain.identifiers import ClientName, DeliveryId
from gateway.domain.outcome import FeedbackStatus
from gateway.domain.records import FeedbackRecord
from gateway.domain.webhook import Announcement, Attempt, Endpoint, Webhook, WebhookId
from gateway.ports.journal import Acceptance, Decision, Journal
from gateway.ports.webhooks import LONGEST_WAIT, EndpointDecision
from gateway.testing.builders import NOW, an_entry, an_id
from gateway.testing.contracts.journal import LATER, NodeMaker, accepted, chain_of, delivery_of

PORTAL = ClientName("portal")
OTHER = ClientName("other")
TOLD = frozenset({PORTAL, OTHER})
UNTIL = NOW + timedelta(seconds=30)
LEASE_OVER = UNTIL


def a_status(delivery: DeliveryId, number: int = 1, **over: Any) -> FeedbackRecord:
    """Return the core system's ``number``th status of a delivery."""
    status = FeedbackRecord(
        id=f"r-{number}",
        delivery_id=delivery,
        status=FeedbackStatus.ACCEPTED,
        at=NOW - timedelta(days=1),
        received_at=NOW,
        code="K012",
        reference="2026-1",
    )
    return replace(status, **over)


async def tell(
    journal: Journal,
    delivery: DeliveryId,
    number: int = 1,
    *,
    clients: frozenset[ClientName] = TOLD,
    **over: Any,
) -> WebhookId:
    """Store a status that its client shall be told of; return the webhook's id."""
    status = a_status(delivery, number, **over)
    announcement = Announcement(id=WebhookId(an_id()), clients=clients)
    decision: Decision[None] = Decision(
        answer=None, feedback=status, announcement=announcement, entries=(an_entry(),)
    )
    await journal.decide(delivery, lambda _: decision)
    return announcement.id


async def due(journal: Journal, client: ClientName = PORTAL, **over: Any) -> Sequence[Webhook]:
    """Lease what is due."""
    return await journal.lease_webhooks(client, **{"limit": 10, "now": NOW, "until": UNTIL, **over})


async def attempted(journal: Journal, id_: WebhookId, **over: Any) -> None:
    """Note what became of a webhook; that it was taken, unless said otherwise."""
    attempt = Attempt(**{"id": id_, "due_at": LATER, "sent_at": NOW, **over})
    entry = an_entry(action=Action.WEBHOOK_SENT)
    await journal.decide_endpoint(
        PORTAL, lambda known: EndpointDecision(endpoint=known, attempt=attempt, entries=(entry,))
    )


async def become(journal: Journal, endpoint: Endpoint, *, hurries: bool = False) -> Endpoint:
    """Make an endpoint stand so."""
    return await journal.decide_endpoint(
        endpoint.client, lambda _: EndpointDecision(endpoint=endpoint, hurries=hurries)
    )


class WebhooksContract:
    """Promises of ``ports.webhooks``, one test each."""

    @pytest.fixture
    async def acceptance(self, journal: Journal) -> Acceptance:
        """An application of ``portal`` with two deliveries."""
        return await accepted(journal, destinations=("a", "b"))

    async def test_feedback_is_put_into_the_outbox_with_all_that_is_told(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance))

        application = acceptance.application
        assert list(await due(journal)) == [
            Webhook(
                id=told,
                client=PORTAL,
                application=application.id,
                municipality=application.municipality,
                procedure=application.procedure,
                sequence=1,
                attempts=0,
                feedback=a_status(delivery_of(acceptance)),
            )
        ]
        assert list(await due(journal, OTHER)) == []

    async def test_feedback_for_a_client_without_an_endpoint_is_only_kept(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        await tell(journal, delivery_of(acceptance), clients=frozenset({OTHER}))

        dossier = await journal.dossier(acceptance.application.id)
        assert dossier is not None
        assert len(dossier.feedback) == 1
        assert list(await due(journal)) == []
        assert list(await journal.endpoints()) == []

    async def test_feedback_that_is_known_is_told_once(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        delivery = delivery_of(acceptance)
        first = await tell(journal, delivery)
        await asyncio.gather(*(tell(journal, delivery) for _ in range(5)))

        assert [one.id for one in await due(journal)] == [first]
        assert [one.waiting for one in await journal.endpoints()] == [1]

    async def test_feedback_that_comes_several_times_at_once_is_told_once(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        delivery = delivery_of(acceptance)

        ids = await asyncio.gather(*(tell(journal, delivery) for _ in range(5)))

        [found] = await due(journal)
        assert found.id in ids
        assert found.sequence == 1
        assert [one.waiting for one in await journal.endpoints()] == [1]

    async def test_a_rule_that_fails_puts_nothing_into_the_outbox(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        impossible: Decision[None] = Decision(
            answer=None,
            feedback=a_status(delivery_of(acceptance)),
            announcement=Announcement(id=WebhookId(an_id()), clients=TOLD),
            entries=(an_entry(facts={"Bad Name": 1}),),
        )

        with pytest.raises(ValueError, match="Bad Name"):
            await journal.decide(delivery_of(acceptance), lambda _: impossible)

        assert list(await due(journal)) == []

    async def test_of_an_application_one_is_due_after_the_other(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        first, second = (one.record.id for one in acceptance.deliveries)
        told = [
            await tell(journal, first, 1),
            await tell(journal, second, 1),
            await tell(journal, first, 2),
        ]
        another = await tell(journal, delivery_of(await accepted(journal)))

        order = []
        for _ in told:
            found = {one.id: one for one in await due(journal)}
            assert another in found
            assert len(found) == 2
            [next_] = found.keys() - {another}
            order.append((next_, found[next_].sequence))
            await attempted(journal, next_)

        assert order == [(told[0], 1), (told[1], 2), (told[2], 3)]
        assert [one.id for one in await due(journal)] == [another]

    async def test_a_failed_attempt_is_counted_and_put_off_with_those_behind_it(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance), 1)
        await tell(journal, delivery_of(acceptance), 2)

        await attempted(journal, told, sent_at=None, due_at=LATER, code="webhook.busy")

        assert list(await due(journal)) == []
        [again] = await due(journal, now=LATER)
        assert (again.id, again.attempts) == (told, 1)

    async def test_a_webhook_that_was_taken_stays_so(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance))
        await attempted(journal, told)

        await attempted(journal, told, sent_at=None, due_at=NOW, code="webhook.timeout")

        assert list(await due(journal, now=LATER)) == []

    async def test_what_was_put_off_before_the_clock_was_set_back_is_due(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance))
        soon, never = NOW + LONGEST_WAIT, NOW + LONGEST_WAIT + timedelta(seconds=1)

        await attempted(journal, told, sent_at=None, due_at=soon, code="webhook.busy")
        assert list(await due(journal)) == []
        await attempted(journal, told, sent_at=None, due_at=never, code="webhook.busy")

        assert [one.id for one in await due(journal)] == [told]

    async def test_the_longest_due_come_first_and_no_more_than_asked_for(
        self, journal: Journal
    ) -> None:
        told = [
            await tell(
                journal,
                delivery_of(await accepted(journal)),
                received_at=NOW - timedelta(minutes=minutes),
            )
            for minutes in (1, 3, 2)
        ]

        assert [one.id for one in await due(journal, limit=2)] == [told[1], told[2]]

    async def test_an_endpoint_is_well_until_it_is_said_otherwise(self, journal: Journal) -> None:
        seen: list[Endpoint] = []

        def rule(endpoint: Endpoint) -> EndpointDecision:
            seen.append(endpoint)
            return EndpointDecision(
                endpoint=replace(endpoint, failing_since=NOW, code="webhook.timeout")
            )

        for _ in range(2):
            await journal.decide_endpoint(PORTAL, rule)

        assert seen[0] == Endpoint(client=PORTAL)
        assert seen[-1] == Endpoint(client=PORTAL, failing_since=NOW, code="webhook.timeout")
        [standing] = await journal.endpoints()
        assert standing.endpoint == seen[-1]
        assert standing.waiting == 0

    async def test_an_endpoint_that_is_well_again_and_owed_nothing_is_not_listed(
        self, journal: Journal
    ) -> None:
        await become(journal, Endpoint(client=PORTAL, failing_since=NOW, code="webhook.busy"))
        assert len(await journal.endpoints()) == 1

        await become(journal, Endpoint(client=PORTAL))

        assert list(await journal.endpoints()) == []

    async def test_nothing_is_due_for_an_endpoint_that_is_disabled(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance))
        await attempted(journal, told, sent_at=None, due_at=LATER, code="webhook.gone")
        await become(journal, Endpoint(client=PORTAL, disabled_at=NOW, code="webhook.gone"))

        assert list(await due(journal, now=LATER)) == []
        [standing] = await journal.endpoints()
        assert (standing.waiting, standing.oldest_at) == (1, NOW)
        assert standing.endpoint.disabled_at == NOW

        await become(journal, Endpoint(client=PORTAL), hurries=True)

        assert [one.id for one in await due(journal)] == [told]

    async def test_a_decision_that_fails_changes_nothing(
        self, journal: Journal, acceptance: Acceptance
    ) -> None:
        told = await tell(journal, delivery_of(acceptance))
        wrong = EndpointDecision(
            endpoint=Endpoint(client=PORTAL, disabled_at=NOW),
            attempt=Attempt(id=told, due_at=NOW, sent_at=NOW),
            entries=(an_entry(facts={"Bad Name": 1}),),
        )
        before = await chain_of(journal)

        with pytest.raises(ValueError, match="Bad Name"):
            await journal.decide_endpoint(PORTAL, lambda _: wrong)

        assert [one.id for one in await due(journal)] == [told]
        assert await chain_of(journal) == before

    async def test_the_outbox_outlives_the_process(self, a_node: NodeMaker) -> None:
        journal = a_node("gw-1")
        await journal.open()
        told = await tell(journal, delivery_of(await accepted(journal)))
        await due(journal)
        await journal.close()
        await journal.open()

        assert [one.id for one in await due(journal)] == [told]
        await journal.close()


class SharedWebhooksContract(WebhooksContract):
    """Further promises of a journal that several processes share."""

    async def test_what_one_node_leased_no_other_gets_until_the_lease_ends(
        self, a_node: NodeMaker
    ) -> None:
        one, other = a_node("gw-1"), a_node("gw-2")
        for node in (one, other):
            await node.open()
        told = await tell(one, delivery_of(await accepted(one)))

        assert [found.id for found in await due(one)] == [told]
        assert list(await due(other)) == []
        assert [found.id for found in await due(one)] == [told]
        assert [found.id for found in await due(other, now=LEASE_OVER)] == [told]
        for node in (one, other):
            await node.close()

    async def test_what_a_killed_node_leased_it_gets_again_at_once(self, a_node: NodeMaker) -> None:
        one, other = a_node("gw-1"), a_node("gw-2")
        for node in (one, other):
            await node.open()
        told = await tell(one, delivery_of(await accepted(one)))
        await due(one)
        await one.close()
        await one.open()

        assert [found.id for found in await due(other)] == [told]
        for node in (one, other):
            await node.close()

    async def test_two_nodes_give_an_application_no_number_twice(self, a_node: NodeMaker) -> None:
        nodes = [a_node("gw-1"), a_node("gw-2")]
        for node in nodes:
            await node.open()
        acceptance = await accepted(nodes[0], destinations=("a", "b"))
        ids = [one.record.id for one in acceptance.deliveries]

        await asyncio.gather(
            *(tell(nodes[at], ids[at], number) for number in range(10) for at in (0, 1))
        )

        numbers = []
        while found := await due(nodes[0]):
            numbers.append(found[0].sequence)
            await attempted(nodes[0], found[0].id)
        assert numbers == list(range(1, 21))
        for node in nodes:
            await node.close()
