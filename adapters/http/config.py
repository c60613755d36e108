"""How an HTTP core system is configured."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, field_validator, model_validator

from adapters.http.oauth_config import OAuthConfig
from adapters.http.results_config import POINTER, ResultsConfig
from gateway.formats.column_config import ColumnConfig
from gateway.formats.record_config import Mapped
from gateway.sdk import AdapterConfig

Meaning = Literal["delivered", "rejected", "transient", "throttled", "unavailable", "unknown"]

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token (RFC 9110, 5.6.2)."""

_OURS: Final = frozenset(
    {"authorization", "content-type", "content-length", "host", "traceparent", "accept-encoding"}
)

ACCEPTED: Final = frozenset({"/accepted/date", "/accepted/time"})
"""What members may name beside the application."""

_NO_APPLICATION: Final = frozenset({"accepted", "batch"})


class HTTPConfig(AdapterConfig):
    """One HTTP endpoint that takes applications."""

    url: HttpUrl = Field(description="Where an application is sent with POST.")
    health_url: HttpUrl | None = Field(
        default=None,
        description="GET here answers 2xx when the core system is well, without any effect. "
        "Without it only a connection is opened and closed.",
    )
    lookup_url: str | None = Field(
        default=None,
        description="GET here tells what became of a delivery; `{key}` stands for its idempotency "
        "key. 2xx: it has it; 404: it never had it, both in JSON. Needed for "
        "`idempotency: lookup`.",
    )
    lookup_unknown_codes: tuple[str, ...] = Field(
        default=(),
        max_length=64,
        description="Codes at `error_code_pointer` with which a lookup's 404 says that it never "
        "had the delivery. Without any, every 404 in JSON says so, that of an API gateway too.",
    )
    allow_plain_http: bool = Field(
        default=False,
        description="Allow http:// to another machine. Applications then cross the network in "
        "clear; to this machine itself http:// is always allowed.",
    )

    bearer_token: SecretStr | None = Field(
        default=None, description="Bearer token, from the environment; not from a YAML file."
    )
    bearer_token_file: Path | None = Field(
        default=None,
        description="File with the bearer token; read again at each check and when it is refused.",
    )
    oauth: OAuthConfig | None = Field(
        default=None,
        description="Get tokens by OAuth 2.0 client credentials, in place of `bearer_token`.",
    )
    client_certificate_file: Path | None = Field(
        default=None,
        description="PEM chain of the client certificate (mTLS). It, its key and `ca_file` are "
        "read again at the next check after one of them changed.",
    )
    client_key_file: Path | None = Field(default=None, description="PEM of its private key.")
    client_key_password: SecretStr | None = Field(
        default=None, description="Password of the private key, from the environment."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM of the authorities to trust, in place of the system's."
    )
    proxy: HttpUrl | None = Field(
        default=None,
        description="HTTP proxy to go through, without user and password; the environment's is "
        "never used.",
    )
    headers: dict[str, str] = Field(
        default={}, description="Further fixed headers; not for secrets."
    )
    idempotency_key_header: str = Field(
        default="Idempotency-Key", description="Header that carries the idempotency key."
    )

    connect_timeout_s: float = Field(
        default=5.0, gt=0, le=300, description="Longest wait for a connection, TLS included."
    )
    write_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Longest pause while sending."
    )
    read_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Longest pause while waiting for the answer."
    )
    pool_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Longest wait for a free connection."
    )
    total_timeout_s: float = Field(
        default=60.0, gt=0, le=900, description="Longest time for everything together."
    )
    keepalive_s: float = Field(
        default=2.0,
        ge=0,
        le=300,
        description="How long an idle connection is used again. Keep it below the server's idle "
        "timeout: a connection that it closes while we send puts the delivery in doubt.",
    )
    max_response_bytes: int = Field(
        default=65_536, ge=0, le=16 * 1024 * 1024, description="Longest answer that is read."
    )

    members: tuple[ColumnConfig, ...] = Field(
        default=(),
        max_length=1024,
        description="Members of the JSON object that is sent, all of them texts, one without a "
        "value left out; the whole application without any. Pointers may also name "
        "`/accepted/date` (2026-11-20) and `/accepted/time` (09:30:00), Japan's, which are the "
        "same on every attempt.",
    )
    proof_pointer: str | None = Field(
        default=None,
        pattern=POINTER,
        description="JSON pointer to what a success always has. One without it is in doubt rather "
        "than delivered. The value is not kept.",
    )
    reference_pointer: str | None = Field(
        default=None,
        pattern=POINTER,
        description="JSON pointer to the core system's own number (整理番号) in its answer.",
    )
    reference_required: bool | None = Field(
        default=None,
        description="Whether a success without that number is in doubt rather than delivered. "
        "It is, with a `reference_pointer`, unless this is `false`.",
    )
    answer_bodies: Literal["json", "any"] = Field(
        default="json",
        description="With `json` a success counts only if its body is JSON or empty, and a "
        "lookup's 200 or 404 only if it is JSON: proxies answer with pages of their own. `any` "
        "only where nothing but the core system can answer.",
    )
    error_code_pointer: str | None = Field(
        default=None, pattern=POINTER, description="JSON pointer to the code in a refusal."
    )
    error_field_pointer: str | None = Field(
        default=None,
        pattern=POINTER,
        description="JSON pointer to the JSON pointer of the refused field in a refusal.",
    )
    effect_on_5xx: Literal["unknown", "none"] = Field(
        default="unknown",
        description="Whether a 5xx may have had an effect. `none` only if the core system rolls "
        "back before it answers so: the delivery is then sent again blindly, after a 503 when the "
        "destination is up again.",
    )
    status_meanings: dict[int, Meaning] = Field(
        default={}, description="What single status codes mean here, in place of the table."
    )

    results: ResultsConfig | None = Field(
        default=None, description="Ask for what became of applications, and report it as feedback."
    )

    @field_validator("idempotency_key_header")
    @classmethod
    def _is_header_name(cls, name: str) -> str:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("not a header name")
        return name

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"header {name!r} cannot be set here")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"header {name!r}: not printable ASCII")
        return headers

    @field_validator("status_meanings")
    @classmethod
    def _are_statuses(cls, meanings: dict[int, Meaning]) -> dict[int, Meaning]:
        for status in meanings:
            if not 200 <= status <= 599:  # noqa: PLR2004 - final answers (RFC 9110, 15)
                raise ValueError(f"{status} is no status code of an answer")
        return meanings

    @model_validator(mode="after")
    def _has_one_credential(self) -> Self:
        if self.bearer_token is not None and self.bearer_token_file is not None:
            raise ValueError("give bearer_token or bearer_token_file, not both")
        if self.oauth is not None and (self.bearer_token or self.bearer_token_file):
            raise ValueError("give oauth or a bearer token, not both")
        if (self.client_certificate_file is None) != (self.client_key_file is None):
            raise ValueError("client_certificate_file and client_key_file go together")
        return self

    @model_validator(mode="after")
    def _reads_answers_that_it_can_read(self) -> Self:
        if self.reference_required and self.reference_pointer is None:
            raise ValueError("reference_required needs reference_pointer")
        if self.lookup_unknown_codes and self.error_code_pointer is None:
            raise ValueError("lookup_unknown_codes needs error_code_pointer")
        return self

    @model_validator(mode="after")
    def _has_safe_addresses(self) -> Self:
        if self.lookup_url is not None and "{key}" not in self.lookup_url:
            raise ValueError("lookup_url has no {key}")
        for name, url in (
            ("url", self.url),
            ("health_url", self.health_url),
            ("lookup_url", self.lookup("0") if self.lookup_url else None),
            ("oauth.token_url", self.oauth.token_url if self.oauth else None),
            ("results.url", self.results.url if self.results else None),
        ):
            if url is not None and (url.username or url.password):
                raise ValueError(f"{name}: credentials do not belong in an address")
            if url is not None and not (self.allow_plain_http or _is_private(url)):
                raise ValueError(f"{name}: plain http to another machine; see allow_plain_http")
        if self.proxy is not None and (self.proxy.username or self.proxy.password):
            raise ValueError("proxy: credentials do not belong in an address")
        return self

    @model_validator(mode="after")
    def _has_members_that_can_be(self) -> Self:
        for part in self.mapped():
            for pointer in part.column.sources:
                is_own = pointer.split("/")[1] in _NO_APPLICATION
                if is_own and pointer not in ACCEPTED:
                    raise ValueError(f"{part.where}: {pointer} is no fact of a request")
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError("members: a name stands there twice")
        return self

    def mapped(self) -> Iterator[Mapped]:
        """Yield every member, for the check against the routed procedures."""
        for place, member in enumerate(self.members):
            yield Mapped(("members", str(place)), member, added=frozenset({"accepted"}))

    @property
    def requires_reference(self) -> bool:
        """Whether a success must have the core system's number."""
        return self.reference_pointer is not None and self.reference_required is not False

    def lookup(self, key: str) -> HttpUrl:
        """Return where to ask for ``key``; needs ``lookup_url``."""
        return HttpUrl((self.lookup_url or "").replace("{key}", key))


def _is_private(url: HttpUrl) -> bool:
    """Tell whether nobody on the network can read what goes to ``url``."""
    if url.scheme == "https":
        return True
    host = (url.host or "").strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
