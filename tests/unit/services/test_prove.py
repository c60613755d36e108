"""What a client was told at acceptance is what the log proves later."""

import json

import pytest

from gateway.audit import proof
from gateway.audit.chain import leaf
from gateway.audit.verify import read
from gateway.bootstrap.key_names import GATEWAY_KEY
from gateway.bootstrap.log_signing import log_signing
from gateway.crypto import keys
from gateway.crypto.log_keys import verify
from gateway.crypto.sign import Purpose, Verifier
from gateway.domain.identifiers import ApplicationId
from gateway.services.accept import AcceptanceReceipt
from gateway.testing.builders import an_entry, an_id
from gateway.testing.world import World

MOST_BYTES = 1_200
"""Issue 4: a proof at 1,000,000 entries; here the log is smaller."""


async def test_an_acceptance_has_no_proof_before_it_is_sealed(world: World) -> None:
    delivery = await world.accepted()

    assert await world.gateway.prove.acceptance(delivery.application_id) is None
    assert await world.gateway.prove.acceptance(ApplicationId(an_id())) is None


@pytest.mark.parametrize("later", [0, 700])
async def test_the_leaf_in_the_receipt_is_proved_under_the_log_s_key(
    world: World, later: int
) -> None:
    await world.gateway.journal.record([an_entry() for _ in range(300)])
    await world.gateway.seal_log.begin()
    receipt = await world.submit()
    assert isinstance(receipt, AcceptanceReceipt)
    await world.gateway.journal.record([an_entry() for _ in range(later)])
    await world.gateway.seal_log.finish()

    proved = await world.gateway.prove.acceptance(receipt.id)

    assert proved is not None
    assert read(proved.entry)["action"] == "application.accepted"
    public = world.store.public(GATEWAY_KEY)
    payload, _ = Verifier({keys.thumbprint(public): public}).verify_attached(
        receipt.receipt, Purpose.RECEIPT
    )
    claims = json.loads(payload)
    assert claims["leaf"] == leaf(proved.entry).hex()
    assert claims["log"] == world.gateway.seal_log.origin
    assert claims["application"] == read(proved.entry)["application"] == str(receipt.id)
    own = log_signing(world.store).keys(claims["log"])
    signed = proof.verify(proof.parse(proved.proof.encode()), proved.entry, own, verify)
    assert signed.size > proved.index >= 300
    assert len(proved.proof) < MOST_BYTES
