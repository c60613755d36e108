"""Slow down who guesses: the more failures, the longer until the next try."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

_MOST_KNOWN: Final = 10_000
_FORGOTTEN_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How one kind of somebody is slowed down.

    Attributes:
        free: Failures in a row without any wait.
        first_s: The first wait; it doubles.
        longest_s: The longest.
    """

    free: int
    first_s: float
    longest_s: float


OF_ACCOUNT: Final = Patience(free=4, first_s=1.0, longest_s=300.0)
"""288 guesses a day at most: far below what even a poor password of 12 characters withstands
(NIST SP 800-63B, 5.2.2, allows 100 in a row before the account is locked for good)."""
OF_ADDRESS: Final = Patience(free=20, first_s=1.0, longest_s=60.0)
"""Many people may come from one address: that of a proxy, or of a town hall."""


def network_of(address: str) -> str:
    """Return who is one and the same by an address: of IPv6, everybody of a /64.

    Whoever has one such address has 2**64 of them (RFC 4291, 2.5.1).
    """
    try:
        host = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(host, IPv4Address):
        return str(host)
    if host.ipv4_mapped is not None:
        return str(host.ipv4_mapped)
    return str(ip_network((host, 64), strict=False))


@dataclass(slots=True)
class _Known:
    failures: int
    last: float
    until: float


class Throttle:
    """Counts failures by key, in this process; only the latest ten thousand keys."""

    def __init__(self, patience: Patience, monotonic_s: Callable[[], float]) -> None:
        """Know nobody yet."""
        self._patience = patience
        self._now = monotonic_s
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Return for how long ``key`` is not let try; 0 if it is."""
        known = self._known.get(key)
        return 0.0 if known is None else max(0.0, known.until - self._now())

    def note(self, key: str) -> None:
        """Count one try as failed; said before it is looked at, so that none run side by side."""
        now, patience = self._now(), self._patience
        known = self._known.pop(key, None)
        if known is None or now - known.last > _FORGOTTEN_AFTER_S:
            known = _Known(0, now, now)
        known.failures += 1
        known.last = now
        if (more := known.failures - patience.free) > 0:
            # 2 ** 20 s is beyond every longest wait.
            known.until = now + min(patience.longest_s, patience.first_s * 2 ** min(more - 1, 20))
        self._known[key] = known
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)

    def forgive(self, key: str) -> None:
        """Forget what was counted: the try was right."""
        self._known.pop(key, None)

    def take_back(self, key: str) -> None:
        """Count one failure less: the last try was right, but says nothing of those before."""
        known = self._known.get(key)
        if known is not None:
            known.failures -= 1
            known.until = min(known.until, self._now())
