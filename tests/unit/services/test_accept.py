"""What is accepted, refused and replayed, and what stands in the journal afterwards."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.bootstrap.key_names import GATEWAY_KEY, PSEUDONYM_KEY
from gateway.crypto import keys
from gateway.crypto.pseudonym import Pseudonyms, year_of
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.identifiers import ClientName, MunicipalityCode
from gateway.drivers.memory_keys import MemoryKeys
from gateway.ports.audit_log import EntryFilter
from gateway.services.accept import AcceptanceReceipt, Refusal, Submission
from gateway.testing.world import CLIENT, MUNICIPALITY, World, a_submission


async def accepted(world: World, **over: Any) -> AcceptanceReceipt:
    answer = await world.submit(**over)
    assert isinstance(answer, AcceptanceReceipt), answer
    return answer


async def refused(world: World, **over: Any) -> Refusal:
    answer = await world.submit(**over)
    assert isinstance(answer, Refusal), answer
    return answer


async def test_a_receipt_proves_the_acceptance_offline(world: World) -> None:
    receipt = await accepted(world)
    public = world.store.public(GATEWAY_KEY)

    payload, _ = Verifier({keys.thumbprint(public): public}).verify_attached(
        receipt.receipt, Purpose.RECEIPT
    )

    claims = json.loads(payload)
    entry = next(e for e in await world.log() if e["action"] == "application.accepted")
    facts: Any = entry["facts"]
    assert claims["application"] == str(receipt.id)
    assert claims["commitment"] == receipt.commitment_value.hex() == facts["commitment"]


async def test_what_was_sent_under_a_receipt_number_is_found_by_it_refused_or_not(
    world: World,
) -> None:
    await accepted(world, receipt_number="A-7")
    await refused(world, receipt_number="A-7")
    await refused(world, raw=b'{"receipt_number": "A-7"}')
    await refused(world, raw=b'{"receipt_number": "A-7", "receipt_number": "A-7"}')
    await refused(world, raw=b'{"receipt_number": "a b"}')
    await refused(world, raw=b'{"receipt_number": "A-7"}', municipality="011002")

    pseudonyms = Pseudonyms(world.store.private(PSEUDONYM_KEY))
    year = year_of(datetime.now(UTC))
    subject = pseudonyms.subject(MunicipalityCode(MUNICIPALITY), year, "A-7").hex()
    entries = [entry for entry in await world.log() if "delivery" not in entry]
    said = [entry.get("subject") for entry in entries]
    assert said == [subject, subject, subject, None, None, None]
    found = await world.gateway.journal.find_entries(
        EntryFilter(subjects=(bytes.fromhex(subject),))
    )
    assert len(found) == 3


async def test_the_same_key_and_body_get_the_same_receipt(world: World) -> None:
    first = await accepted(world)
    submission = a_submission(world.gateway, 1)

    again = await world.gateway.accept(submission)

    assert isinstance(again, AcceptanceReceipt)
    assert again.replayed
    assert (again.id, again.receipt) == (first.id, first.receipt)
    assert again.commitment_key == first.commitment_key


async def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    await accepted(world)

    refusal = await refused(world, idempotency_key="key-1")

    assert (refusal.status, refusal.code) == (422, "idempotency.key_reused")


async def test_the_same_key_of_another_client_is_another_key(tmp_path: Path) -> None:
    grants = {"municipalities": ["131016"], "procedures": ["*"]}
    async with World.make(tmp_path, clients={"second": grants}) as world:
        first = await accepted(world)

        second = await accepted(world, client=ClientName("second"), idempotency_key="key-1")

    assert second.id != first.id
    assert not second.replayed


async def test_of_many_at_the_same_instant_one_is_accepted_and_all_hear_of_it(
    world: World,
) -> None:
    submission = a_submission(world.gateway, 1)

    answers = await asyncio.gather(*(world.gateway.accept(submission) for _ in range(20)))

    receipts = [answer for answer in answers if isinstance(answer, AcceptanceReceipt)]
    assert len({receipt.id for receipt in receipts}) == 1
    assert sorted(receipt.replayed for receipt in receipts) == [False] + [True] * 19
    assert (await world.actions()).count("application.accepted") == 1


async def test_a_receipt_number_is_taken_once_and_its_holder_named(world: World) -> None:
    first = await accepted(world, receipt_number="A-1")

    refusal = await refused(world, receipt_number="A-1")

    assert (refusal.status, refusal.code) == (422, "application.already_received")
    assert refusal.existing == first.id


async def test_a_resubmission_supersedes_and_then_holds_the_number(world: World) -> None:
    first = await accepted(world, receipt_number="A-1")

    second = await accepted(world, receipt_number="A-1", supersedes=str(first.id))
    third = await refused(world, receipt_number="A-1")

    old = await world.gateway.journal.dossier(first.id)
    assert old is not None
    assert old.application.superseded_by == second.id
    assert third.existing == second.id


async def test_nothing_can_be_superseded_twice(world: World) -> None:
    first = await accepted(world, receipt_number="A-1")
    await accepted(world, receipt_number="A-1", supersedes=str(first.id))

    refusal = await refused(world, receipt_number="A-1", supersedes=str(first.id))

    assert [(e.pointer, e.code) for e in refusal.errors] == [
        ("#/supersedes", "application.not_supersedable")
    ]


@pytest.mark.parametrize(
    ("over", "status", "code"),
    [
        ({"municipality": "141003"}, 404, "municipality.unknown"),
        ({"municipality": "../../etc"}, 404, "municipality.unknown"),
        ({"client": ClientName("nobody")}, 403, "client.municipality_not_allowed"),
        ({"raw": b"{"}, 400, "json.malformed"),
        ({"raw": b'{"a":1,"a":2}'}, 400, "json.duplicate_key"),
        ({"raw": b"{}"}, 422, "application.invalid"),
    ],
)
async def test_a_refusal_has_its_status_and_leaves_an_entry_but_nothing_else(
    world: World, over: dict[str, Any], status: int, code: str
) -> None:
    refusal = await refused(world, **over)

    entry = (await world.log())[-1]
    facts: Any = entry["facts"]
    assert (refusal.status, refusal.code) == (status, code)
    assert entry["action"] == "application.refused"
    assert (facts["status"], facts["code"]) == (status, code)
    assert await world.gateway.operate.look.messages() == []


async def test_a_procedure_the_client_may_not_send_is_refused(world: World) -> None:
    care = world.gateway.catalogue.get("care/certification-claim", 1)
    assert care is not None

    refusal = await refused(world, raw=json.dumps(care.example).encode())

    assert (refusal.status, refusal.code) == (403, "client.procedure_not_allowed")


async def test_a_procedure_nobody_takes_is_refused(tmp_path: Path) -> None:
    async with World.make(tmp_path, routes=[]) as world:
        refusal = await refused(world)

    assert (refusal.status, refusal.code) == (404, "procedure.not_offered")


async def test_a_body_addressed_to_another_municipality_is_refused(world: World) -> None:
    submission = a_submission(world.gateway, 1)
    body = json.loads(submission.raw)
    body["applicant"]["destination"]["municipality_code"] = "141003"

    refusal = await refused(world, raw=json.dumps(body).encode())

    assert refusal.status == 422
    assert refusal.errors[0].pointer == "#/applicant/destination/municipality_code"


async def test_nothing_of_a_body_stands_in_the_journal_in_clear(
    world: World, tmp_path: Path
) -> None:
    await accepted(world, receipt_number="A-CANARY-1", idempotency_key="KEY-CANARY-1")
    await world.gateway.journal.close()

    stored = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))

    for canary in ("A-CANARY-1", "KEY-CANARY-1", "髙﨑", "614106526000", "架橋銀行"):
        assert canary.encode() not in stored


@pytest.mark.parametrize(
    "meanwhile",
    [
        {"routes": []},
        {"clients": {CLIENT: {"municipalities": [MUNICIPALITY], "procedures": ["care/*"]}}},
        {"clients": {CLIENT: {"municipalities": [], "procedures": ["*"]}}},
    ],
    ids=["route removed", "procedure no longer granted", "municipality no longer granted"],
)
async def test_what_was_accepted_is_told_again_whatever_changed_since(
    tmp_path: Path, meanwhile: dict[str, Any]
) -> None:
    store = MemoryKeys()
    async with World.make(tmp_path, store=store) as world:
        first = await accepted(world)

    async with World.make(tmp_path, store=store, **meanwhile) as world:
        again = await accepted(world)
        refusal = await refused(world)
        actions = await world.actions()

    assert again == replace(first, replayed=True, receipt=again.receipt)
    assert refusal.code != "idempotency.key_reused"
    assert actions.count("application.refused") == 1


async def test_another_body_or_address_is_not_told_of_what_was_accepted(tmp_path: Path) -> None:
    store = MemoryKeys()
    async with World.make(tmp_path, store=store) as world:
        await accepted(world)
        raw = a_submission(world.gateway, 1).raw

    async with World.make(tmp_path, store=store, routes=[]) as world:
        other_body = await refused(world, idempotency_key="key-1", receipt_number="A-2")
        other_address = await refused(
            world, idempotency_key="key-1", raw=raw, municipality="141003"
        )

    assert other_body.code == "procedure.not_offered"
    assert other_address.code == "municipality.unknown"


def test_a_submission_does_not_show_its_body() -> None:
    submission = Submission(
        client=ClientName("portal"),
        municipality=MUNICIPALITY,
        idempotency_key="key-1",
        raw=b"614106526000",
    )

    assert "614106526000" not in repr(submission)


async def test_a_full_backlog_is_refused_early_but_tells_what_was_accepted(tmp_path: Path) -> None:
    journal = {"url": f"sqlite:///{tmp_path / 'journal.db'}", "max_unfinished": 1}
    async with World.make(tmp_path, journal=journal) as world:
        first = await accepted(world)
        await world.gateway.watch_backlog.look()

        refusal = await world.submit()
        again = await world.gateway.accept(a_submission(world.gateway, 1))

    assert isinstance(refusal, Refusal)
    assert (refusal.status, refusal.code) == (503, "journal.backlog_full")
    assert refusal.retry_after_s is not None
    assert again == replace(first, replayed=True)
