"""Who may use the operations console and its API, and for how long."""

import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from yarl import URL

from gateway.domain.account import SessionLimits
from gateway.settings.section import Section


def _origin(value: str) -> str:
    try:
        url = URL(value)
        is_address = bool(url.host) and url.port is not None
    except ValueError:
        raise ValueError("is not a URL") from None
    if not is_address or url.scheme not in ("https", "http") or url.path not in ("", "/"):
        raise ValueError("must be https://HOST or https://HOST:PORT; the console has no path")
    if url.user is not None or url.query_string or url.fragment:
        raise ValueError("must have no user, query or fragment")
    return value.rstrip("/")


def _trace_url(value: str) -> str:
    try:
        url = URL(value.replace("{trace_id}", "0" * 32))
    except ValueError:
        raise ValueError("is not a URL") from None
    if url.scheme not in ("https", "http") or not url.host or "{trace_id}" not in value:
        raise ValueError("must be an https or http URL with {trace_id} in it")
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError:
        raise ValueError("is neither an IP address nor a network, as 10.1.2.0/24") from None


_HOST: Final = re.compile(r"(?!.*\.$)[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def _host(value: str) -> str:
    if _HOST.fullmatch(value) is None:
        raise ValueError("must be a host's name, in lower case and without port, as gw-1.example")
    return value


class ConsoleSettings(Section):
    """The operations console and its API."""

    url: Annotated[str, AfterValidator(_origin)] | None = Field(
        None,
        max_length=300,
        description="Where browsers reach it, such as https://gateway.example.lg.jp. With https "
        "the browser sends the cookie of a session over https only.",
    )
    # Not ``Seconds``: of two upper bounds pydantic takes the one inside the annotation.
    unused_s: float = Field(
        1800.0, ge=60, le=86_400, description="Seconds after which an unused session ends."
    )
    session_s: float = Field(
        43_200.0, ge=300, le=604_800, description="Seconds after which every session ends."
    )
    operator_may_audit: bool = Field(
        False, description="Whether one account may be both operator and auditor."
    )
    trace_url: Annotated[str, AfterValidator(_trace_url)] | None = Field(
        None,
        max_length=1000,
        description="Where a trace is looked at, such as "
        "https://traces.example.lg.jp/trace/{trace_id}; an application's page leads there.",
    )

    hosts: tuple[Annotated[str, AfterValidator(_host)], ...] = Field(
        (),
        max_length=32,
        description="Further names by which the operations port is asked for, beside that of url, "
        "as gw-1.example.lg.jp: of monitoring, or of a proxy that does not hand on Host. IP "
        "addresses and localhost always do; every other name is refused (421), against pages "
        "that have their own name lead here.",
    )
    proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (),
        max_length=32,
        description="Addresses or networks of the reverse proxies before the console, such as "
        "10.1.2.0/24: by their X-Forwarded-For people are told apart who guess passwords.",
    )

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the console by https."""
        return self.url is not None and self.url.startswith("https:")

    @property
    def names(self) -> frozenset[str]:
        """Every configured name of the operations port."""
        own = URL(self.url).raw_host if self.url is not None else None
        return frozenset((*self.hosts, own.lower()) if own else self.hosts)

    def limits(self) -> SessionLimits:
        """Return the same as a value of the services."""
        return SessionLimits(
            unused=timedelta(seconds=self.unused_s), longest=timedelta(seconds=self.session_s)
        )
