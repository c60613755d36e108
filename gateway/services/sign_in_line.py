"""Who comes next when more people want to sign in than passwords can be compared.

One comparison takes a tenth of a second on purpose, so a flood of sign-ins, which needs no
password, could keep everybody out. Here those wait apart who come from a network in which
somebody has signed in: staff. They come first, three times out of four. Within each line the
networks take turns, and none has more than its share of places.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway.services.passwords import BusyError

RETRY_S: Final = 2.0
"""When to try again: what waits now has had its turn by then, as a comparison takes 0.1 s."""
_MOST_KNOWN: Final = 1000
_KNOWN_FIRST: Final = 3
"""So many of those who are known, then one stranger: nobody waits for ever."""

Place = asyncio.Future[None]


class NetworkBusyError(BusyError):
    """Too many from one network wait already."""


@dataclass(slots=True)
class _Line:
    """Networks that take turns.

    Attributes:
        each: Most places of one network.
        most: Of all together.
    """

    each: int
    most: int
    waiting: OrderedDict[str, deque[Place]] = field(default_factory=OrderedDict)
    count: int = 0

    def join(self, network: str) -> Place:
        if len(self.waiting.get(network, ())) >= self.each:
            raise NetworkBusyError
        if self.count >= self.most:
            raise BusyError
        place = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(network, deque()).append(place)
        self.count += 1
        return place

    def leave(self, network: str, place: Place) -> None:
        places = self.waiting.get(network)
        if places is not None and place in places:
            places.remove(place)
            self.count -= 1
            if not places:
                del self.waiting[network]

    def call(self) -> bool:
        """Let the next one go on, if there is one; its network comes last then."""
        while self.waiting:
            network, places = self.waiting.popitem(last=False)
            place = places.popleft()
            self.count -= 1
            if places:
                self.waiting[network] = places
            if not place.done():  # else whoever waited has gone
                place.set_result(None)
                return True
        return False


class SignInLine:
    """Lets one at a time have a password compared."""

    def __init__(self) -> None:
        """Nobody waits, and nobody is known."""
        self._staff = _Line(each=16, most=32)
        self._strangers = _Line(each=2, most=16)
        self._known: OrderedDict[str, None] = OrderedDict()
        self._is_taken = False
        self._since_stranger = 0

    def know(self, network: str) -> None:
        """Remember a network from which somebody who has signed in comes; the latest thousand."""
        self._known[network] = None
        self._known.move_to_end(network)
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def knows(self, network: str) -> bool:
        """Tell whether somebody who has signed in came from there."""
        return network in self._known

    @asynccontextmanager
    async def turn(self, network: str) -> AsyncIterator[None]:
        """Have a turn until the block ends.

        Args:
            network: Where somebody comes from (``throttle.network_of``).

        Raises:
            NetworkBusyError: Too many from there wait already.
            BusyError: Too many wait.
        """
        if self._is_taken:
            await self._wait(network)
        self._is_taken = True
        try:
            yield
        finally:
            self._go_on()

    async def _wait(self, network: str) -> None:
        line = self._staff if self.knows(network) else self._strangers
        place = line.join(network)
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self._go_on()
            line.leave(network, place)
            raise

    def _go_on(self) -> None:
        """Hand the turn on, without letting go of it in between."""
        order = [self._staff, self._strangers]
        if self._since_stranger >= _KNOWN_FIRST:
            order.reverse()
        for line in order:
            if line.call():
                is_stranger = line is self._strangers
                self._since_stranger = 0 if is_stranger else self._since_stranger + 1
                return
        self._is_taken = False
