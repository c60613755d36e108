"""The line adapter, broken in one way for each check."""

import asyncio
import base64
import itertools
import json
import logging
import time
import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog
from pydantic import ConfigDict, Field, SecretStr

from gateway.sdk import (
    AdapterConfig,
    Application,
    ConfigError,
    Context,
    Delivery,
    Destination,
    DestinationUnavailableError,
    Feedback,
    Health,
    Preview,
    Receipt,
    RejectedError,
    SendResult,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from tests.integration.adapter_kit.line.adapter import LineConfig, LineDestination

log = structlog.get_logger()


def with_config(config: type[AdapterConfig]) -> type[Destination]:
    spec = replace(LineDestination.spec, config=config)
    return type("Broken", (LineDestination,), {"spec": spec})


class Undescribed(LineConfig):
    office: str = ""


class Lax(LineConfig):
    model_config = ConfigDict(extra="ignore")


class Narrower(LineConfig):
    port: int = Field(ge=1024, le=65_535, description="On 127.0.0.1.")


class Talkative(LineDestination):
    def __repr__(self) -> str:
        return f"LineDestination({self._config.password.get_secret_value()})"


class Plain(LineConfig):
    """Its password is seen by whoever looks at it."""

    password: str = Field(description="What it asks for.")  # type: ignore[assignment]


class PlainDestination(LineDestination):
    spec = replace(LineDestination.spec, config=Plain)

    def __init__(self, config: Plain) -> None:
        secret = {"password": SecretStr(config.password)}
        super().__init__(LineConfig.model_construct(**{**dict(config), **secret}))


class OpensOnce(LineDestination):
    is_open = False

    async def open(self, context: Context) -> None:  # noqa: ARG002 - it keeps nothing
        if self.is_open:
            raise ConfigError("already open")
        self.is_open = True


class NotWhileOpening(LineDestination):
    is_opening = False

    async def open(self, context: Context) -> None:  # noqa: ARG002 - it keeps nothing
        self.is_opening = True
        await asyncio.sleep(0.01)
        self.is_opening = False

    async def close(self) -> None:
        if self.is_opening:
            raise RuntimeError("still opening")
        await super().close()


class OpensAtLength(LineDestination):
    async def open(self, context: Context) -> None:
        await super().open(context)
        await self.ask({"op": "check"})


class LeavesATask(LineDestination):
    async def close(self) -> None:
        if self._running:
            self.left = asyncio.create_task(asyncio.sleep(60))
        await super().close()


class SaysNothingCame(LineDestination):
    """It ends what runs when it is closed, and says that it had no effect."""

    is_closed = False

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        receipt = await super().send(application, delivery)
        if self.is_closed:
            raise TransientError("line.closed")
        return receipt

    async def close(self) -> None:
        self.is_closed = True
        await super().close()


class SwallowsCancellation(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except asyncio.CancelledError:
            raise UnknownOutcomeError("line.cancelled") from None


class ChecksTwiceOnly(LineDestination):
    checks = 0

    async def check(self) -> Health:
        self.checks += 1
        if self.checks > 2:
            await asyncio.Event().wait()
        return await super().check()


class WaitsForEver(LineDestination):
    """It says no of a key that nobody has, or would, if it ever came to it."""

    async def lookup(self, idempotency_key: str) -> Receipt | None:
        receipt = await super().lookup(idempotency_key)
        if receipt is None:
            await asyncio.Event().wait()
        return receipt


class Sleeps(LineDestination):
    """For good, as far as anybody will wait."""

    async def check(self) -> Health:
        time.sleep(60)  # noqa: ASYNC251 - that is what is wrong with it
        return await super().check()


class ChecksByTaking(LineDestination):
    async def check(self) -> Health:
        health = await super().check()
        if health.ok:
            await self.ask({"op": "take", "key": "test", "body": "test", "traceparent": None})
        return health


class ChecksNoCredentials(LineDestination):
    async def check(self) -> Health:
        health = await super().check()
        return health if health.detail else Health(ok=True)


class ChecksNothing(LineDestination):
    async def check(self) -> Health:
        health = await super().check()
        return Health(ok=True) if health.detail == "line.not_connected" else health


class NoReference(LineDestination):
    def receipt(self, answer: dict[str, Any]) -> Receipt:
        return replace(super().receipt(answer), reference=None)


class TriesTheUnmappable(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except RejectedError as error:
            if error.reason != "text.unmappable" or asyncio.current_task() is None:
                raise
            raise TransientError(error.reason) from None

    async def send_batch(
        self, items: Sequence[tuple[Application, Delivery]]
    ) -> Sequence[SendResult]:
        return [
            RejectedError(result.reason) if isinstance(result, TransientError) else result
            for result in await super().send_batch(items)
        ]


class SilenceIsNothing(LineDestination):
    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            return await super().ask(question)
        except UnknownOutcomeError as error:
            if error.reason == "line.answer_late":
                raise TransientError(error.reason) from None
            raise


class LetsItsTimeoutOut(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except UnknownOutcomeError as error:
            if error.reason == "line.answer_late":
                raise TimeoutError from None
            raise


class EndsAtItsOwnLimit(LineDestination):
    """Its limit stands in no configuration, and is shorter than the deadline."""

    deadline_s = 0.5  # as above

    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        try:
            async with asyncio.timeout(0.35):
                return await super().ask(question)
        except TimeoutError:
            raise UnknownOutcomeError("line.answer_late") from None


class UnreachableIsUnknown(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except DestinationUnavailableError as error:
            raise UnknownOutcomeError(error.reason) from None


class ForgetsTheWait(LineDestination):
    def receipt(self, answer: dict[str, Any]) -> Receipt:
        if "busy_s" in answer:
            raise ThrottledError("line.busy")
        return super().receipt(answer)


class ForgetsThePointer(LineDestination):
    def receipt(self, answer: dict[str, Any]) -> Receipt:
        if "refused" in answer:
            raise RejectedError(answer["refused"])
        return super().receipt(answer)


class TakesNothingForYes(LineDestination):
    def understood(self, answer: bytes) -> dict[str, Any]:
        return {"reference": "R-0", "ok": True} if answer == b"\n" else super().understood(answer)


class TidiesUpSlowly(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except asyncio.CancelledError:
            await asyncio.sleep(0.2)
            raise


class GivesUpEarly(LineDestination):
    deadline_s = 0.5  # a busy machine must not make it seem silent elsewhere

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config.model_copy(update={"answer_timeout_s": 0.22}))


class CutIsNothing(LineDestination):
    def understood(self, answer: bytes) -> dict[str, Any]:
        if not answer:
            raise TransientError("line.lost")
        return super().understood(answer)


class RefusesWhatItKnows(LineDestination):
    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self._known: set[str] = set()

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        if delivery.idempotency_key in self._known:
            raise RejectedError("line.duplicate")
        receipt = await super().send(application, delivery)
        self._known.add(delivery.idempotency_key)
        return receipt


class TripsOverTheSecondAttempt(LineDestination):
    """Where its first attempt had a receipt; a doubt is another matter."""

    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self._known: set[str] = set()

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        if delivery.attempt > 1 and delivery.idempotency_key in self._known:
            raise KeyError(delivery.attempt)
        receipt = await super().send(application, delivery)
        self._known.add(delivery.idempotency_key)
        return receipt


class TripsOverATrace(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        if delivery.traceparent:
            raise AttributeError("traceparent")
        return await super().send(application, delivery)


class FindsNothing(LineDestination):
    async def lookup(self, idempotency_key: str) -> Receipt | None:  # noqa: ARG002 - its fault
        return None


class LosesHeart(LineDestination):
    losses = 0

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        if self.losses > 5:
            raise RejectedError("line.gave_up")
        try:
            return await super().send(application, delivery)
        except UnknownOutcomeError:
            self.losses += 1
            raise


class OneAtATime(LineDestination):
    def __init__(self, config: LineConfig) -> None:
        super().__init__(config)
        self._lock = asyncio.Lock()

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        async with self._lock:
            return await super().send(application, delivery)


class SendsTwice(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        sends = [LineDestination.send(self, application, delivery) for _ in range(2)]
        results = await asyncio.gather(*sends, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return results[0]


class HoldsBack(LineDestination):
    """The fifth of a row of equal ones goes behind the sixth, though it has a receipt."""

    row = 0
    last: Application | None = None
    held: tuple[Application, Delivery] | None = None

    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        self.row = self.row + 1 if application == self.last else 1
        self.last = application
        if self.row == 5:
            self.held = (application, delivery)
            return Receipt(reference=f"R-{delivery.idempotency_key}")
        receipt = await self._send_on(application, delivery)
        if self.held is not None:
            held, self.held = self.held, None
            await self._send_on(*held)
        return receipt

    async def _send_on(self, application: Application, delivery: Delivery) -> Receipt:
        try:
            return await super().send(application, delivery)
        except Exception:
            self.row = 0
            raise


class EndsTheBatch(LineDestination):
    async def send_batch(
        self, items: Sequence[tuple[Application, Delivery]]
    ) -> Sequence[SendResult]:
        results = await super().send_batch(items)
        refused = [at for at, each in enumerate(results) if not isinstance(each, Receipt)]
        return results[: refused[0] + 1] if refused else results


class Blocks(LineDestination):
    async def check(self) -> Health:
        time.sleep(0.12)  # noqa: ASYNC251 - that is what is wrong with it
        return await super().check()


class NotSoDry(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        receipt = await super().send(application, delivery)
        if delivery.dry_run:
            await super().send(application, replace(delivery, dry_run=False))
        return receipt


class ShowsAnother(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        receipt = await super().send(application, delivery)
        if not delivery.dry_run:
            return receipt
        of_another = self.body(replace(application, receipt_number="A-0"), delivery.idempotency_key)
        return Receipt(preview=Preview(content=of_another.encode(), charset="utf-8"))


class LosesTheTrace(LineDestination):
    async def send(self, application: Application, delivery: Delivery) -> Receipt:
        return await super().send(application, replace(delivery, traceparent=None))


class WritesOtherwise(LineDestination):
    def body(self, application: Application, key: str) -> str:
        return super().body(application, key) + " "


class EndsAtNUL(LineDestination):
    def body(self, application: Application, key: str) -> str:
        return super().body(application, key).replace("\\u0000", "")


class Normalises(LineDestination):
    """Form C is taken for harmless: it makes other ideographs of those of the register."""

    def body(self, application: Application, key: str) -> str:
        return unicodedata.normalize("NFC", super().body(application, key))


class TripsOverKanji(LineDestination):
    def body(self, application: Application, key: str) -> str:
        body = super().body(application, key)
        if any(ord(each) > 0xFFFF for each in body):
            raise ValueError("beyond the first plane")
        return body


class TakesOnlyItsSample(LineDestination):
    """It refuses every family name but the sample's."""

    def body(self, application: Application, key: str) -> str:
        body = super().body(application, key)
        person = application.applicant["person"]
        assert isinstance(person, Mapping)
        if person["name"]["family"] != "濵﨑":
            raise RejectedError("line.name_unknown", "/applicant/person/name/family")
        return body


class WritesNone(LineDestination):
    def body(self, application: Application, key: str) -> str:
        return super().body(application, key).replace('"family": ""', '"family": "None"')


class QuotesTheName(LineDestination):
    def body(self, application: Application, key: str) -> str:
        log.info("line.mapped", applicant=application.applicant["person"])
        return super().body(application, key)


class LogsItsRecord(LineDestination):
    def body(self, application: Application, key: str) -> str:
        body = super().body(application, key)
        log.debug("sent %r", body.encode("cp932", "replace"))
        return body


class PrintsTheName(LineDestination):
    def body(self, application: Application, key: str) -> str:
        print(application.applicant["person"])  # noqa: T201 - that is what is wrong with it
        return super().body(application, key)


class LogsNamesInASCII(LineDestination):
    def body(self, application: Application, key: str) -> str:
        person = application.applicant["person"]
        assert isinstance(person, Mapping)
        if person["name"]["family"].isascii():
            log.info("line.name_odd", name=person["name"])
        return super().body(application, key)


class LogsItsAuthorization(LineDestination):
    async def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        password = self._config.password.get_secret_value()
        basic = base64.b64encode(f"kumamoto:{password}".encode()).decode()
        logging.getLogger("line").debug("Authorization: Basic %s", basic)
        return await super().ask(question)


class QuotesWhatItEncoded(LineDestination):
    def body(self, application: Application, key: str) -> str:
        try:
            return json.dumps(dict(application.applicant), ensure_ascii=False).encode() and (
                super().body(application, key)
            )
        except UnicodeEncodeError as error:
            raise RejectedError("text.unmappable", str(error.object)) from None


class ForgetsBeforeItIsKept(LineDestination):
    async def feedback(self) -> AsyncIterator[Feedback]:
        async for status in super().feedback():
            await self.ask({"op": "forget", "id": status.id})
            yield status


class NumbersItsStatuses(LineDestination):
    numbers = itertools.count()

    async def feedback(self) -> AsyncIterator[Feedback]:
        async for status in super().feedback():
            yield replace(status, id=f"{next(self.numbers)}")


class EndsOtherwise(LineDestination):
    """It says that it is called again, when nobody will."""

    async def feedback(self) -> AsyncIterator[Feedback]:
        try:
            async for status in super().feedback():
                yield status
        except asyncio.CancelledError:
            raise TransientError("line.stopped") from None


class FeedsBackUndeclared(LineDestination):
    """It does; neither its code nor so its worker says so."""

    spec = replace(LineDestination.spec, feedback=False)


BROKEN: Final[Mapping[str, Sequence[Callable[..., Any]]]] = {
    "every_field_is_described": [with_config(Undescribed)],
    "bad_config_names_the_field": [with_config(Lax)],
    "released_config_is_still_accepted": [with_config(Narrower)],
    "opens_and_closes_twice": [OpensOnce],
    "closes_while_opening": [NotWhileOpening, OpensAtLength],
    "close_leaves_nothing_open": [LeavesATask, SaysNothingCame],
    "cancellation_goes_through": [SwallowsCancellation],
    "check_changes_nothing": [ChecksByTaking, ChecksTwiceOnly],
    "check_tells_bad_credentials": [ChecksNoCredentials],
    "check_tells_unreachable": [ChecksNothing],
    "valid_sample_gets_a_reference": [NoReference, TripsOverATrace],
    "unmappable_is_rejected": [TriesTheUnmappable],
    "silence_is_unknown": [SilenceIsNothing, LetsItsTimeoutOut],
    "unreachable_is_unavailable": [UnreachableIsUnknown],
    "retry_after_is_kept": [ForgetsTheWait],
    "refusal_has_code_and_pointer": [ForgetsThePointer],
    "unreadable_answer_is_unknown": [TakesNothingForYes],
    "deadline_is_kept": [TidiesUpSlowly, GivesUpEarly, EndsAtItsOwnLimit],
    "cut_makes_no_double": [CutIsNothing],
    "same_key_gives_the_same_receipt": [RefusesWhatItKnows, TripsOverTheSecondAttempt],
    "lookup_finds_what_arrived": [FindsNothing, WaitsForEver],
    "nothing_lost_on_a_lossy_line": [LosesHeart],
    "max_in_flight_is_true": [OneAtATime, SendsTwice],
    "order_is_kept": [HoldsBack],
    "batch_answers_for_each_item": [EndsTheBatch],
    "event_loop_is_never_blocked": [Blocks],
    "dry_run_sends_nothing": [NotSoDry, ShowsAnother],
    "trace_is_forwarded": [LosesTheTrace],
    "samples_arrive_as_written": [WritesOtherwise],
    "hostile_text_arrives_whole": [
        EndsAtNUL,
        Normalises,
        TripsOverKanji,
        TakesOnlyItsSample,
        WritesNone,
    ],
    "secrets_stay_secret": [Talkative, PlainDestination, LogsItsAuthorization],
    "errors_carry_no_payload": [
        QuotesTheName,
        QuotesWhatItEncoded,
        LogsItsRecord,
        PrintsTheName,
        LogsNamesInASCII,
    ],
    "feedback_comes_again_until_it_is_kept": [ForgetsBeforeItIsKept, NumbersItsStatuses],
    "feedback_stops_when_cancelled": [EndsOtherwise],
    "features_are_as_declared": [FeedsBackUndeclared],
}
