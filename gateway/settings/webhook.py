"""Where front-end systems take webhooks."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field
from yarl import URL

from gateway.settings.section import Name, Section


def _endpoint(value: str) -> str:
    """Return the URL of an endpoint: nothing leaves the machine unencrypted."""
    try:
        url = URL(value)
        host, port = url.host, url.port
    except ValueError:
        raise ValueError("is not a URL") from None
    if not host or port is None or url.scheme not in ("https", "http"):
        raise ValueError("must be an https:// URL")
    if url.user is not None or url.password is not None or url.fragment:
        raise ValueError("must have no user, password or fragment")
    if url.scheme == "http" and not _is_loopback(host):
        raise ValueError("must be an https:// URL; http:// only on this machine itself")
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class WebhookSettings(Section):
    """Where a front-end system takes what core systems say of its applications."""

    url: Annotated[str, AfterValidator(_endpoint)] = Field(
        max_length=2000, description="https://…; http:// only for this machine itself."
    )
    signing_keys: tuple[Name, ...] = Field(
        (),
        max_length=4,
        description="Keys webhook/NAME that each sign; none means the one named as the client. "
        "Two while a receiver changes from one to the other.",
    )
    disable_after_days: float = Field(
        5.0, gt=0, le=365, description="Days of failing after which it is disabled."
    )
