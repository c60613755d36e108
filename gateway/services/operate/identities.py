"""Nobody makes themselves a second person: identities under four eyes.

Four eyes are two people, and the gateway knows people by their accounts. Whoever gives out
accounts alone could be both: make an account, or get into somebody's by a new password, and
approve with it what they asked for themselves. So where anything needs a second person, giving
out accounts does, too. And a password must not make one of the two who agreed on it a second
person either: each of them gets to know one half, and the account's person both.

Whoever works on the gateway's own machine, as its user, is not held up: they make the first
account, and help where nobody is left who could approve. They could change the journal's files
as well; what they do is an entry all the same.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.domain.entry import Actor
from gateway.services.operate.four_eyes import FourEyes, WaitsForApprovalError
from gateway.services.operate.refusals import OperationError
from gateway.services.passwords import new_password

Operation = Callable[[Actor, Mapping[str, object]], Awaitable[object]]

IDENTITIES: Final = frozenset(
    {"account.add", "account.change", "account.enable", "account.password"}
)
"""What gives somebody an identity, or more of one, and needs a second person."""
_IN_HALVES: Final = frozenset({"account.add", "account.password"})
_TOKENS: Final = "token.add"


class HalfOfPasswordError(WaitsForApprovalError):
    """It waits for a second person; who asked is told one half of the password.

    Attributes:
        half: It; shown this once.
    """

    def __init__(self, waits: WaitsForApprovalError, half: str) -> None:
        """Keep the half."""
        told = f"the first half of the password, shown only now, is {half}"
        super().__init__(*waits.args, told)
        self.half = half


def under_four_eyes(
    four_eyes: FourEyes, plain: Mapping[str, Operation], plan: Operation
) -> dict[str, Operation]:
    """Return what people may not do alone who are not on the gateway's machine.

    Args:
        four_eyes: Keeps requests.
        plain: The operations, as they are done without a second person.
        plan: As ``FourEyes.watched`` takes it.
    """
    if not four_eyes.covers_identities:
        return {}
    found = {name: four_eyes.watched(name, plain[name], plan) for name in IDENTITIES}
    found |= {name: _asked_with_a_half(found[name]) for name in _IN_HALVES}
    return {**found, _TOKENS: _own_only(plain[_TOKENS])}


def completed(plain: Mapping[str, Operation]) -> dict[str, Operation]:
    """Return what is done once a second person has approved: the other half is made then."""
    return {**plain, **{name: _with_the_other_half(plain[name]) for name in _IN_HALVES}}


def _asked_with_a_half(ask: Operation) -> Operation:
    async def asked(actor: Actor, arguments: Mapping[str, object]) -> object:
        if arguments.get("password") is not None:
            raise OperationError(
                "where a second person must approve, the password is made: say none"
            )
        half = _half()
        try:
            return await ask(actor, {**arguments, "password": half})
        except WaitsForApprovalError as waits:
            raise HalfOfPasswordError(waits, half) from None

    return asked


def _with_the_other_half(operation: Operation) -> Operation:
    async def complete(actor: Actor, arguments: Mapping[str, object]) -> object:
        other = _half()
        whole = f"{arguments['password']}-{other}"
        done: Any = await operation(actor, {**arguments, "password": whole})
        return {**done, "second_half": other}

    return complete


def _own_only(add: Operation) -> Operation:
    async def added(actor: Actor, arguments: Mapping[str, object]) -> object:
        if arguments.get("account") != actor.name:
            raise OperationError(
                "where a second person is needed, nobody makes a token in somebody else's name: "
                "who knows the account's password makes it"
            )
        return await add(actor, arguments)

    return added


def _half() -> str:
    """Return half a password: 49 random bits, which nobody guesses at a door that waits."""
    groups = new_password().split("-")
    return "-".join(groups[: len(groups) // 2])
