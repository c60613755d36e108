"""The operations by name, as the command line asks for them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pydantic import ConfigDict, ValidationError, validate_call

from gateway.domain.entry import Actor
from gateway.services.operate import Operate, OperationError

Operation = Callable[[Actor, Mapping[str, object]], Awaitable[object]]

_STRICT: Final = ConfigDict(arbitrary_types_allowed=True)


def operations(operate: Operate) -> Mapping[str, Operation]:
    """Return every operation: who asks and its arguments in, something JSON-like out.

    Those that decide something are told who asks, as the operating system vouches for
    it; nobody can name somebody else.
    """
    return {
        "overview": _reading(operate.overview),
        "status": _reading(operate.status),
        "messages.list": _reading(operate.messages),
        "parked.list": _reading(operate.parked),
        "parked.show": _reading(operate.parked_one),
        "parked.replay": _deciding(operate.replay),
        "parked.confirm": _deciding(operate.confirm),
        "parked.cancel": _deciding(operate.cancel),
        "client.add": _deciding(operate.add_client_key),
        "client.list": _reading(operate.client_keys),
        "client.revoke": _deciding(operate.revoke_client_key),
        "audit.verify": _deciding(operate.verify_audit),
    }


def _reading(method: Callable[..., Awaitable[object]]) -> Operation:
    checked = validate_call(config=_STRICT)(method)

    async def perform(_: Actor, arguments: Mapping[str, object]) -> object:
        return await _call(checked, arguments)

    return perform


def _deciding(method: Callable[..., Awaitable[object]]) -> Operation:
    checked = validate_call(config=_STRICT)(method)

    async def perform(actor: Actor, arguments: Mapping[str, object]) -> object:
        return await _call(checked, {**arguments, "actor": actor})

    return perform


async def _call(
    method: Callable[..., Awaitable[object]], arguments: Mapping[str, object]
) -> object:
    try:
        asked = method(**arguments)
    except ValidationError as error:
        names = ", ".join(
            ".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)
        )
        raise OperationError(f"arguments: {names}") from None
    return await asked
