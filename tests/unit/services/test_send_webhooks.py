"""From the outbox to a front end that takes it, refuses it, is gone, or asks for patience."""

import asyncio
import base64
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from structlog.testing import capture_logs

from gateway.audit.verify import read
from gateway.crypto import keys, webhook
from gateway.crypto.webhook import WebhookSigner, receivers_key
from gateway.domain.entry import Action, Actor, ActorKind
from gateway.domain.entry_schema import faults
from gateway.domain.errors import JournalUnavailableError, KeyUnusableError
from gateway.domain.identifiers import ClientName, NodeName
from gateway.domain.webhook import Endpoint, Webhook, WebhookId
from gateway.drivers.journal_sqlite import SQLiteJournal
from gateway.ports.journal import Acceptance
from gateway.ports.webhooks import PostAnswer
from gateway.services import send_webhooks
from gateway.services.operate.refusals import NotFoundError
from gateway.services.operate.webhooks import OperateWebhooks
from gateway.services.send_webhooks import ClientEndpoint, SendWebhooks
from gateway.services.webhook_rules import WAITS_S, attempted_rule, wait_s
from gateway.testing.builders import NOW, an_id
from gateway.testing.contracts.journal import accepted, delivery_of
from gateway.testing.contracts.journal_webhooks import a_status, tell
from gateway.testing.world import eventually

PORTAL = ClientName("portal")
URL = "https://front.example/hooks"
TAKEN = PostAnswer(status=204, code=None)
DOWN = PostAnswer(status=None, code="webhook.unreachable")
GONE = PostAnswer(status=410, code="webhook.gone")
ME = Actor(ActorKind.OPERATOR, "sato")


@dataclass
class Hands:
    """A clock that is set by hand."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()


@dataclass
class FrontEnd:
    """An endpoint that answers what it is told to; it takes everything if told nothing."""

    answers: list[PostAnswer] = field(default_factory=list)
    posts: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    is_closed: bool = False

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostAnswer:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0)
        self.posts.append((url, body, dict(headers)))
        self.at_once -= 1
        return self.answers.pop(0) if self.answers else TAKEN

    async def close(self) -> None:
        self.is_closed = True

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for _, _, headers in self.posts]


SECRET = keys.new_secret()


@dataclass
class Sending:
    journal: SQLiteJournal
    front: FrontEnd
    clock: Hands
    send: SendWebhooks

    async def new(self, number: int = 1, acceptance: Acceptance | None = None) -> WebhookId:
        """Put a status into the outbox, of an application of its own or of this one."""
        acceptance = acceptance or await accepted(self.journal)
        return await tell(self.journal, delivery_of(acceptance), number)

    async def after(self, **wait: float) -> None:
        """Let so much time pass, then send what is due."""
        self.clock.at += timedelta(**wait)
        await self.send.send_due(PORTAL)

    async def written(self) -> list[Action]:
        """Return what the sending wrote into the log, which must be as it is documented."""
        entries = [read(stored.data) async for stored in self.journal.entries()]
        told = [one for one in entries if str(one["action"]).startswith("webhook.")]
        for one in told:
            assert not faults(one["action"], one["facts"].keys(), has_detail="detail" in one)
        return [Action(one["action"]) for one in told]

    async def endpoint(self) -> Endpoint:
        found = [one.endpoint for one in await self.journal.endpoints()]
        return found[0] if found else Endpoint(client=PORTAL)


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Sending]:
    journal = SQLiteJournal(tmp_path / "journal.db", node=NodeName("gw-1"))
    await journal.open()
    front, clock = FrontEnd(), Hands()
    endpoint = ClientEndpoint(
        url=URL, signer=WebhookSigner([SECRET]), disable_after=timedelta(days=5)
    )
    send = SendWebhooks(
        journal=journal,
        http=front,
        clock=clock,
        endpoints={PORTAL: endpoint},
        monotonic=clock.monotonic,
    )
    yield Sending(journal, front, clock, send)
    await journal.close()


def signature(secret: bytes, headers: Mapping[str, str], body: bytes) -> str:
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


# What is sent


async def test_a_webhook_says_what_happened_and_nothing_of_a_person(sending: Sending) -> None:
    acceptance = await accepted(sending.journal)
    told = await sending.new(acceptance=acceptance)

    await sending.after()

    [(url, body, headers)] = sending.front.posts
    assert url == URL
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == str(told)
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    assert headers["webhook-signature"] == signature(keys.secret(SECRET), headers, body)
    assert json.loads(body) == {
        "type": "application.feedback",
        "timestamp": "2026-11-20T00:30:00.000+00:00",
        "data": {
            "application": str(acceptance.application.id),
            "sequence": 1,
            "municipality": "131016",
            "procedure": "childcare/allowance-claim",
            "delivery": str(delivery_of(acceptance)),
            "status": "accepted",
            "status_ja": "受理",
            "code": "K012",
            "decided_at": "2026-11-19T00:30:00.000+00:00",
        },
    }


def test_the_signature_is_the_one_of_the_published_example() -> None:
    # The reference libraries of Standard Webhooks are tested with these values.
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'

    assert webhook._sign(key, signed) == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_key_signs_so_that_a_receiver_may_know_the_old_or_the_new_one() -> None:
    old, new, pair = keys.new_secret(), keys.new_secret(), keys.new_signing_key()
    signer = WebhookSigner([old, new, pair])

    headers = signer.headers("id-1", NOW, b"{}")

    first, second, third = headers["webhook-signature"].split(" ")
    assert first == signature(keys.secret(old), headers, b"{}")
    assert second == signature(keys.secret(new), headers, b"{}")
    kind, _, signed = third.partition(",")
    assert kind == "v1a"
    public = base64.b64decode(receivers_key(pair).removeprefix("whpk_"))
    message = f"id-1.{int(NOW.timestamp())}.".encode() + b"{}"
    Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(signed), message)


def test_a_receiver_is_given_the_secret_or_the_public_half() -> None:
    secret = keys.new_secret()

    assert base64.b64decode(receivers_key(secret).removeprefix("whsec_")) == keys.secret(secret)
    with pytest.raises(KeyUnusableError):
        WebhookSigner([keys.new_encryption_key()])


# When it is not taken


async def test_what_was_taken_is_not_sent_again(sending: Sending) -> None:
    await sending.new()

    await sending.after()
    await sending.after(days=30)

    assert len(sending.front.posts) == 1
    assert sending.send.attempts == {("portal", "taken"): 1}


async def test_it_is_tried_again_with_the_same_id_and_body_and_a_new_timestamp(
    sending: Sending,
) -> None:
    told = await sending.new()
    sending.front.answers = [DOWN]

    await sending.after()
    await sending.after(seconds=4)
    await sending.after(seconds=3)

    assert sending.front.ids == [str(told)] * 2
    (_, first, before), (_, second, after) = sending.front.posts
    assert first == second
    assert int(after["webhook-timestamp"]) == int(before["webhook-timestamp"]) + 7
    assert (await sending.endpoint()).failing_since is None


def test_the_waits_grow_as_recommended_and_many_do_not_come_together() -> None:
    assert [wait_s(failures, 0.0) for failures in (1, 2, 9, 10, 99)] == [
        5, 300, WAITS_S[-1], WAITS_S[-1], WAITS_S[-1],
    ]  # fmt: skip
    assert wait_s(1, 0.999) == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(
    ("retry_after_s", "least_s", "most_s"),
    [(None, 5, 6), (1.0, 5, 6), (600.0, 600, 601), (1e9, 86_400, 86_401)],
)
def test_retry_after_is_honoured_but_not_for_ever(
    retry_after_s: float | None, least_s: float, most_s: float
) -> None:
    answer = PostAnswer(status=503, code="webhook.busy", retry_after_s=retry_after_s)

    decision = attempted_rule(
        a_webhook(), answer, disable_after=timedelta(days=5), now=NOW, fraction=0.9
    )(Endpoint(client=PORTAL))

    assert decision.attempt is not None
    waited_s = (decision.attempt.due_at - NOW).total_seconds()
    assert least_s <= waited_s <= most_s


def a_webhook(**over: Any) -> Webhook:
    application = an_id()
    webhook = Webhook(
        id=WebhookId(an_id()),
        client=PORTAL,
        application=application,  # type: ignore[arg-type]
        municipality="131016",  # type: ignore[arg-type]
        procedure="childcare/allowance-claim",  # type: ignore[arg-type]
        sequence=1,
        attempts=0,
        feedback=a_status(an_id()),  # type: ignore[arg-type]
    )
    return replace(webhook, **over)


async def test_an_endpoint_that_asks_for_patience_is_left_alone_with_everything(
    sending: Sending,
) -> None:
    await sending.new()
    sending.front.answers = [PostAnswer(status=429, code="webhook.busy", retry_after_s=60)]
    await sending.after()
    await sending.new()

    await sending.after(seconds=59)
    assert len(sending.front.posts) == 1
    await sending.after(seconds=2)

    assert len(sending.front.posts) == 3


async def test_the_second_of_an_application_waits_for_the_first(sending: Sending) -> None:
    acceptance = await accepted(sending.journal)
    told = [await sending.new(number, acceptance) for number in (1, 2)]
    sending.front.answers = [DOWN]

    await sending.after()
    await sending.after(seconds=1)
    assert sending.front.ids == [str(told[0])]
    await sending.after(seconds=6)
    await sending.after()

    assert sending.front.ids == [str(told[0]), str(told[0]), str(told[1])]
    sequences = [json.loads(body)["data"]["sequence"] for _, body, _ in sending.front.posts]
    assert sequences == [1, 1, 2]


async def test_the_first_that_is_taken_after_an_outage_hurries_the_others(
    sending: Sending,
) -> None:
    for _ in range(3):
        await sending.new()
    sending.front.answers = [DOWN] * 6
    await sending.after()
    await sending.after(seconds=6)
    assert len(sending.front.posts) == 6
    late = await sending.new()

    await sending.after()
    await sending.after()

    assert sending.front.ids[6] == str(late)
    assert len(set(sending.front.ids[6:])) == 4


async def test_what_is_refused_for_what_it_is_is_not_hurried_by_others(sending: Sending) -> None:
    await sending.new()
    sending.front.answers = [PostAnswer(status=422, code="webhook.refused")]
    await sending.after()
    await sending.new()

    await sending.after()
    await sending.after()

    assert len(sending.front.posts) == 2


# Disabled


async def test_an_endpoint_that_is_gone_is_disabled_at_once_and_nothing_is_lost(
    sending: Sending,
) -> None:
    await sending.new()
    sending.front.answers = [GONE]
    await sending.after()
    late = await sending.new()

    await sending.after(days=30)

    assert len(sending.front.posts) == 1
    endpoint = await sending.endpoint()
    assert (endpoint.disabled_at, endpoint.code) == (NOW, "webhook.gone")
    operate = OperateWebhooks(
        journal=sending.journal, clients=frozenset({PORTAL}), clock=sending.clock
    )
    [view] = await operate.list()
    assert (view["waiting"], view["configured"]) == (2, True)

    assert await operate.enable("portal", actor=ME) == {"client": "portal", "disabled": False}
    await sending.after()

    assert len(set(sending.front.ids[1:])) == 2
    assert str(late) in sending.front.ids
    assert await sending.written() == [
        Action.WEBHOOK_FAILED,
        Action.WEBHOOK_DISABLED,
        Action.WEBHOOK_ENABLED,
        Action.WEBHOOK_SENT,
        Action.WEBHOOK_SENT,
    ]
    assert (await operate.list())[0]["waiting"] == 0


async def test_an_endpoint_is_disabled_after_so_many_days_of_failure(sending: Sending) -> None:
    await sending.new()
    sending.front.answers = [DOWN] * 99

    for _ in range(9):
        await sending.after(hours=13)
    assert (await sending.endpoint()).disabled_at is None
    await sending.after(hours=26)

    endpoint = await sending.endpoint()
    assert endpoint.disabled_at == sending.clock.at
    assert endpoint.failing_since == NOW + timedelta(hours=13)
    posts = len(sending.front.posts)
    await sending.after(days=2)
    assert len(sending.front.posts) == posts


async def test_days_of_failure_count_from_the_last_success(sending: Sending) -> None:
    await sending.new()
    sending.front.answers = [DOWN, DOWN, TAKEN, DOWN]

    for days in (0, 3, 1):
        await sending.after(days=days)
    await sending.new()
    await sending.after(days=1)

    endpoint = await sending.endpoint()
    assert endpoint.disabled_at is None
    assert endpoint.failing_since == sending.clock.at


async def test_enabling_what_is_not_disabled_or_not_there_changes_nothing(
    sending: Sending,
) -> None:
    operate = OperateWebhooks(
        journal=sending.journal, clients=frozenset({PORTAL}), clock=sending.clock
    )
    before = [entry async for entry in sending.journal.entries()]

    await operate.enable("portal", actor=ME)
    with pytest.raises(NotFoundError):
        await operate.enable("stranger", actor=ME)

    assert [entry async for entry in sending.journal.entries()] == before


# The journal


async def test_what_was_taken_but_could_not_be_written_down_is_sent_again_with_its_id(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await sending.new()

    async def refuses(*_: object) -> Endpoint:
        raise JournalUnavailableError("disk")

    with monkeypatch.context() as patched:
        patched.setattr(sending.journal, "decide_endpoint", refuses)
        with pytest.raises(JournalUnavailableError):
            await sending.after()
    await sending.after()

    assert sending.front.ids == [str(told)] * 2


async def test_a_lane_goes_on_when_the_journal_comes_back_and_says_once_that_it_is_gone(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_webhooks, "TICK_S", 0.01)
    await sending.journal.close()

    with capture_logs() as logs:
        running = asyncio.create_task(sending.send.run())
        await asyncio.sleep(0.1)
        await sending.journal.open()
        await sending.new()
        await eventually(lambda: bool(sending.front.posts))

    running.cancel()
    await asyncio.wait({running})
    assert [log["event"] for log in logs].count("webhooks.put_off") == 1


async def test_a_nudge_sends_what_there_is_a_few_at_once_and_the_end_gives_all_back(
    sending: Sending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_webhooks, "TICK_S", 60.0)
    running = asyncio.create_task(sending.send.run())
    await asyncio.sleep(0.05)
    for _ in range(20):
        await sending.new()

    sending.send.nudge()
    await eventually(lambda: len(sending.front.posts) == 20)

    running.cancel()
    await asyncio.wait({running})
    assert sending.front.is_closed
    assert 1 < sending.front.most_at_once <= 8
    assert sending.send.clients == {PORTAL}
