"""Where a process's spans go, as configured."""

from urllib.parse import urlsplit

from gateway import __version__
from gateway.domain.errors import ConfigError
from gateway.ports.telemetry import NullTelemetry, Telemetry
from gateway.services.spans import ATTRIBUTES, BrokerAddress, Spans
from gateway.settings.model import Settings
from gateway.settings.telemetry import TelemetrySettings


def open_spans(settings: Settings, instance: str) -> Spans:
    """Return what begins this process's spans.

    Args:
        settings: The configuration.
        instance: This process's name: the node's or the worker's.

    Raises:
        ConfigError: The extra ``otel`` is not installed, or the headers cannot be read.
    """
    return Spans(_telemetry(settings.telemetry, instance), _broker(settings.broker.url))


def _telemetry(settings: TelemetrySettings, instance: str) -> Telemetry:
    if settings.otlp_endpoint is None:
        return NullTelemetry()
    try:
        # Only where it is configured: it takes a while, and need not be installed.
        from gateway.drivers.telemetry.driver import OTelTelemetry, over_http  # noqa: PLC0415
    except ImportError:
        raise ConfigError("telemetry.otlp_endpoint: needs kakehashi[otel]") from None
    return OTelTelemetry(
        over_http(settings.otlp_endpoint, _headers(settings)),
        allowed=ATTRIBUTES,
        resource={
            "service.name": "kakehashi",
            "service.version": __version__,
            "service.instance.id": instance,
        },
        sample_ratio=settings.sample_ratio,
    )


def _headers(settings: TelemetrySettings) -> dict[str, str]:
    """Return the configured headers.

    Raises:
        ConfigError: They are not of the documented form, or the file cannot be read.
    """
    key = "telemetry.headers" if settings.headers_file is None else "telemetry.headers_file"
    try:
        if settings.headers_file is not None:
            text = settings.headers_file.read_text(encoding="utf-8").strip()
        else:
            text = settings.headers.get_secret_value() if settings.headers else ""
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{key}: cannot be read") from None
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if any(
        not (name.strip() and equals and value.isascii() and value.isprintable())
        for name, equals, value in pairs
    ):
        raise ConfigError(f"{key}: must be NAME=VALUE with commas between them")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _broker(url: str) -> BrokerAddress:
    """Return the broker's address; of a cluster the first one's."""
    if url.startswith("memory:"):
        return BrokerAddress()
    # Only where there is one: its library takes a while to import.
    from gateway.drivers.rabbitmq.topology import exchange_of  # noqa: PLC0415

    try:
        first = urlsplit(url.partition(",")[0])
        return BrokerAddress("rabbitmq", first.hostname, first.port or None, exchange_of)
    except ValueError:
        return BrokerAddress("rabbitmq", exchange_of=exchange_of)
