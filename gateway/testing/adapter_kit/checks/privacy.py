"""Does it keep to itself what is nobody's business: secrets, and what residents wrote?"""

import asyncio
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway.sdk import Application, Destination, Health, Receipt
from gateway.testing.adapter_kit.bench import Bench, does_not_apply, fail
from gateway.testing.adapter_kit.peer import Fault
from gateway.testing.adapter_kit.samples import texts_of, with_every_text, with_text

_LEAST_SECRET: Final = 8
_PERSONAL: Final = re.compile(r".*[^\x00-\x7f].+|[0-9]{7,}", re.DOTALL)
"""Japanese text of two characters or more; an identifier of a person has seven digits or more."""

_CANARY: Final = "Hototogisu 4711"
"""A name in ASCII, which every encoding writes alike and no log has for another reason."""

_UNHURRIED: Final = frozenset({Fault.SLOW, Fault.NONE})


class PrivacyChecks:
    """Of log lines, errors, health and ``repr``, whatever the core system does."""

    async def test_secrets_stay_secret(self, bench: Bench) -> None:
        """Make each secret a ``SecretStr``, and unwrap it where it is sent, nowhere else.

        It stands in no ``repr``, log line, error or ``Health.detail``: those are kept for
        years, and read by people who do not have it.
        """
        secrets = list(bench.peer.secrets())
        if not secrets:
            if _has_secrets(bench.spec.config.model_json_schema()):
                fail("The configuration has secrets, and the peer's secrets() names none.")
            does_not_apply("it has no secrets")
        if any(len(secret) < _LEAST_SECRET for secret in secrets):
            fail(f"A secret of the peer's has less than {_LEAST_SECRET} characters.")
        config = bench.spec.config.model_validate(bench.config(bench.samples[0]))
        bench.slips.add(f"{config!r} {config} {bench.construct()!r}")
        faults = sorted(bench.faults - _UNHURRIED)
        await _go_through_everything(bench, bench.application(), faults)
        if bench.slips.first_of(secrets) is not None:
            fail("A secret of the configuration is seen in a repr, a log line or an error.")

    async def test_errors_carry_no_payload(self, bench: Bench) -> None:
        """Raise with stable codes and pointers, never with a value; ``raise … from None``.

        Log no record, body or request either, at no level, encoded or not; print nothing.
        Exceptions of libraries quote what they were given, answers quote what was sent.
        """
        application = bench.application()
        unmappable = with_every_text(application, lambda text: f"{text}\ud842")
        canary = with_text(application, bench.text_pointer, _CANARY)
        faults = sorted(bench.faults - _UNHURRIED)
        await _go_through_everything(bench, application, faults)
        await _go_through_everything(bench, unmappable, faults)
        await _go_through_everything(bench, canary, [])
        texts = texts_of([application.applicant, application.content])
        personal = [_CANARY, *(text for text in texts if _PERSONAL.fullmatch(text))]
        if bench.slips.first_of(personal) is not None:
            fail("A value of an application is seen in a log line, an error or a reference.")


async def _go_through_everything(
    bench: Bench, application: Application, faults: list[Fault]
) -> None:
    """Meet a peer that is well, and one with each of ``faults``; keep what is shown of it."""
    with bench.slips.listening():
        for fault in [Fault.NONE, *faults]:
            destination = bench.construct()
            bench.slips.add(repr(destination))
            try:
                await bench.ended(destination.open(bench.context()), "open")
                await bench.behave(fault, seconds=1)
                await _send_and_check(bench, destination, application)
            except Exception as error:  # noqa: BLE001 - whatever is raised is looked at
                bench.slips.add(_shown(error))
            finally:
                await bench.ended(destination.close(), "close")
                await bench.behave(Fault.NONE)


async def _send_and_check(bench: Bench, destination: Destination, application: Application) -> None:
    result = await bench.send(destination, None, application, deadline_s=bench.deadline_s)
    bench.slips.add(repr(result) if isinstance(result, Receipt) else _shown(result))
    try:
        async with asyncio.timeout(bench.deadline_s):
            health: Health = await destination.check()
    except TimeoutError:
        return
    bench.slips.add(repr(health))


def _shown(error: Exception) -> str:
    """Return all that a log could show of an error."""
    return f"{error!r}\n{''.join(traceback.format_exception(error))}"


def _has_secrets(schema: Mapping[str, Any]) -> bool:
    return any(part.get("format") == "password" for part in _parts(schema))


def _parts(value: object) -> Iterator[Mapping[str, Any]]:
    """Yield every object in a JSON value."""
    if isinstance(value, Mapping):
        yield value
        for each in value.values():
            yield from _parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each)
