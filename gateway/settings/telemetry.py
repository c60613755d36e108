"""Where traces go."""

from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from gateway.settings.section import Section

_SCHEMES: Final = ("http", "https")


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_usable = parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ValueError("must be an http or https URL") from None
    if not is_usable or not value.isprintable() or " " in value:
        raise ValueError("must be an http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must have no password: it stands in headers_file")
    return value


class TelemetrySettings(Section):
    """Traces to a collector; needs kakehashi[otel]. Without an endpoint nothing is recorded."""

    otlp_endpoint: Annotated[str, AfterValidator(_endpoint)] | None = Field(
        None,
        max_length=2_000,
        description="Where spans are posted (OTLP over HTTP, protobuf): the whole URL, such as "
        "http://127.0.0.1:4318/v1/traces.",
    )
    headers: SecretStr | None = Field(
        None,
        description="Headers of each post, NAME=VALUE with commas between them; a secret, so "
        "from the environment (KAKEHASHI_TELEMETRY__HEADERS).",
    )
    headers_file: Path | None = Field(
        None, description="A file with the same, read at start; in place of headers."
    )
    sample_ratio: float = Field(
        1.0,
        ge=0,
        le=1,
        description="Share of the traces begun here that are recorded; what a front end began is "
        "recorded if its traceparent says so.",
    )
