"""What shares an order key, and how ordered applications go through a whole gateway."""

import asyncio
import json
import secrets
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.key_names import GATEWAY_KEY, destination_key, worker_key
from gateway.crypto import keys
from gateway.crypto.pseudonym import Pseudonyms
from gateway.crypto.seal import Opener
from gateway.crypto.sign import Signer, Verifier
from gateway.domain.entry import Actor, ActorKind
from gateway.domain.identifiers import DestinationName, MunicipalityCode, WorkerName
from gateway.domain.lifecycle import FINAL, State
from gateway.domain.records import DeliveryRecord
from gateway.drivers.system_clock import SystemClock
from gateway.sdk import (
    Application,
    Context,
    Delivery,
    Idempotency,
    Receipt,
    RejectedError,
    TransientError,
    UnknownOutcomeError,
)
from gateway.services.accept import AcceptanceReceipt
from gateway.services.deliver import Deliver
from gateway.services.delivery_settings import DeliverySettings
from gateway.services.operate.decide import Decide
from gateway.services.ordering import Ordering
from gateway.testing.world import DESTINATION, MUNICIPALITY, World, a_submission

PSEUDONYMS = Pseudonyms(keys.new_secret())
CORE, ARCHIVE = DestinationName("core"), DestinationName("archive")
OPERATOR = Actor(ActorKind.OPERATOR, "operator-1")
BY = "/applicant/resident_code"
PHONE = "/applicant/contact/phone"


def of(value: object) -> Mapping[str, object]:
    return {"applicant": {"resident_code": value}}


def test_equal_values_at_the_pointer_share_a_key_and_others_do_not() -> None:
    ordering = Ordering({CORE: BY}, PSEUDONYMS)

    one, same, other = (ordering.key(CORE, of(value)) for value in ("001", "001", "002"))

    assert one == same
    assert one != other
    assert one is not None
    assert len(one) == 32


def test_a_number_and_its_text_are_two_values() -> None:
    ordering = Ordering({CORE: BY}, PSEUDONYMS)

    assert ordering.key(CORE, of(1)) != ordering.key(CORE, of("1"))


def test_the_members_of_an_object_may_stand_in_any_order() -> None:
    ordering = Ordering({CORE: BY}, PSEUDONYMS)

    assert ordering.key(CORE, of({"a": 1, "b": 2})) == ordering.key(CORE, of({"b": 2, "a": 1}))


def test_a_value_is_hashed_as_its_json() -> None:
    ordering = Ordering({CORE: BY}, PSEUDONYMS)

    expected = PSEUDONYMS.order_mac(CORE, '{"区":["甲",1]}')
    assert ordering.key(CORE, of({"区": ["甲", 1]})) == expected


@pytest.mark.parametrize("document", [{}, {"applicant": {}}, {"applicant": "x"}, of(None)])
def test_what_has_nothing_at_the_pointer_keeps_no_order(document: Mapping[str, object]) -> None:
    assert Ordering({CORE: BY}, PSEUDONYMS).key(CORE, document) is None


def test_a_destination_without_order_has_no_keys() -> None:
    assert Ordering({ARCHIVE: BY}, PSEUDONYMS).key(CORE, of("001")) is None


def test_one_value_at_two_destinations_has_two_keys() -> None:
    ordering = Ordering({CORE: BY, ARCHIVE: BY}, PSEUDONYMS)

    assert ordering.key(CORE, of("001")) != ordering.key(ARCHIVE, of("001"))


def test_a_star_puts_everything_in_one_order() -> None:
    ordering = Ordering({CORE: "*"}, PSEUDONYMS)

    assert ordering.key(CORE, of("001")) == ordering.key(CORE, {}) != None  # noqa: E711 - chained


# Through a whole gateway and two workers


def a_second_worker(world: World, folder: Path) -> Deliver:
    gateway_key = world.store.public(GATEWAY_KEY)
    return Deliver(
        settings=DeliverySettings(
            destination=DestinationName(DESTINATION),
            municipality=MunicipalityCode(MUNICIPALITY),
            worker=WorkerName(f"w1/{secrets.token_hex(4)}"),
            adapter="scripted 1.0.0",
            version="0",
            idempotency=Idempotency.NONE,
            max_in_flight=4,
            send_timeout_s=5.0,
            settle_s=0.0,
            key_memory_s=3600.0,
        ),
        context=Context(destination=DESTINATION, municipality=MUNICIPALITY, folder=folder),
        adapter=world.adapter,
        broker=world.broker,
        opener=Opener([world.store.private(destination_key(DESTINATION))]),
        signer=Signer(world.store.private(worker_key("w1"))),
        verifier=Verifier({keys.thumbprint(gateway_key): gateway_key}),
        clock=SystemClock(),
    )


async def submitted(world: World, number: int, phone: str) -> DeliveryRecord:
    body = json.loads(a_submission(world.gateway, number).raw)
    body["applicant"]["contact"]["phone"] = phone
    raw = json.dumps(body, ensure_ascii=False).encode()
    receipt = await world.gateway.accept(a_submission(world.gateway, number, raw=raw))
    assert isinstance(receipt, AcceptanceReceipt), receipt
    return await world.delivery_of(receipt.id)


class Misbehaving:
    """A core system that fails some applications at their first attempt, and notes the order."""

    def __init__(self, world: World, failures: Mapping[str, Exception]) -> None:
        self.taken: defaultdict[str, list[str]] = defaultdict(list)
        self._failures = dict(failures)
        world.adapter.script = [self.take] * 1000

    def take(self, application: Application, delivery: Delivery) -> Receipt:
        error = self._failures.pop(application.receipt_number, None)
        if error is not None:
            raise error
        applicant: Any = application.applicant
        self.taken[applicant["contact"]["phone"]].append(application.receipt_number)
        return Receipt(reference=delivery.idempotency_key)


@pytest.mark.parametrize("order_by", [PHONE, "*"])
async def test_two_workers_keep_the_order_through_retries_and_what_waits_for_a_person(
    tmp_path: Path, order_by: str
) -> None:
    async with World.make(tmp_path, order_by=order_by) as world:
        core = Misbehaving(
            world,
            {
                "A-000001": TransientError("busy"),
                "A-000003": RejectedError("E0001"),
                "A-000004": UnknownOutcomeError("http.reset"),
                "A-000005": TransientError("busy"),
            },
        )
        world.start_worker()
        second = asyncio.create_task(a_second_worker(world, tmp_path).run(world.stop))
        deliveries = [
            await submitted(world, number, f"031234567{number % 2}") for number in range(1, 13)
        ]
        decide = Decide(journal=world.gateway.journal, clock=SystemClock())
        for waiting, state in ((2, State.PARKED), (3, State.IN_DOUBT)):
            await world.until(deliveries[waiting], state)
            behind = await world.gateway.journal.delivery(deliveries[waiting + 2].id)
            assert behind is not None
            assert behind.state == State.PENDING
            await decide.replay(str(deliveries[waiting].id), actor=OPERATOR, reason="修正済み")
        for delivery in deliveries:
            assert (await world.until(delivery, *FINAL)).state == State.DELIVERED
        second.cancel()
        await asyncio.wait({second})

    assert sum(map(len, core.taken.values())) == 12
    for taken in core.taken.values():
        assert taken == sorted(taken)


async def test_one_that_waits_for_a_person_holds_up_its_own_key_only(tmp_path: Path) -> None:
    async with World.make(tmp_path, order_by=PHONE) as world:
        core = Misbehaving(world, {"A-000001": RejectedError("E0001")})
        world.start_worker()
        head, behind, other, last = [
            await submitted(world, number, f"031234567{number % 2}") for number in (1, 3, 2, 4)
        ]

        await world.until(head, State.PARKED)
        await world.until(other, State.DELIVERED)
        await world.until(last, State.DELIVERED)
        await world.until(behind, State.PENDING)
        decide = Decide(journal=world.gateway.journal, clock=SystemClock())
        await decide.cancel(str(head.id), actor=OPERATOR, reason="取下げ")
        await world.until(behind, State.DELIVERED)

    assert core.taken == {"0312345670": ["A-000002", "A-000004"], "0312345671": ["A-000003"]}
