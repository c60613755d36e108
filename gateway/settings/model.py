"""The whole configuration, as one frozen model."""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    Field,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from gateway.audit.note import NoteKey
from gateway.domain.envelope import MAX_PLAINTEXT_BYTES
from gateway.domain.retry import RetryPolicy
from gateway.domain.window import parse_openings
from gateway.sdk import Idempotency
from gateway.settings.console import ConsoleSettings
from gateway.settings.operations import OperationsSettings
from gateway.settings.retention import MunicipalityRetention, RetentionSettings
from gateway.settings.section import Code, Municipality, Name, Port, Seconds, Section
from gateway.settings.telemetry import TelemetrySettings
from gateway.settings.webhook import WebhookSettings

ENVIRONMENT_PREFIX: Final = "KAKEHASHI_"
SOCKET_NAME: Final = "kakehashi.sock"
"""In ``home``: where a running gateway takes operators' commands."""
CHECKPOINT_NAME: Final = "log-checkpoint"
"""In ``home``: the last signed checkpoint of the audit log that this gateway knows."""


def _origin(value: str) -> str:
    try:
        NoteKey(value, bytes(32))
    except ValueError:
        raise ValueError(
            "must not be empty nor have spaces, plus signs or control characters"
        ) from None
    return value


class HTTPSettings(Section):
    """Where the gateway listens."""

    host: str = Field("127.0.0.1", description="Address of the front-end API.")
    port: Port = Field(8080, description="Port of the front-end API; 0 takes a free one.")
    operations_host: str = Field(
        "127.0.0.1", description="Address of the console, /livez, /readyz and /metrics."
    )
    operations_port: Port = Field(8081, description="Port of the same; 0 takes a free one.")
    max_body_bytes: int = Field(
        1_048_576,
        ge=1024,
        le=MAX_PLAINTEXT_BYTES,
        description="Largest request body, in bytes.",
    )
    body_timeout_s: Seconds = Field(20.0, description="Longest time a request body may take.")
    requests_per_s: float = Field(
        200.0,
        gt=0,
        le=1_000_000,
        description="Requests per second and client, on average (token bucket).",
    )
    request_burst: int = Field(
        400, ge=1, description="Requests that a client may send at once after a pause."
    )


class JournalSettings(Section):
    """Where everything is kept."""

    url: str = Field(
        "sqlite:///var/journal.db",
        description="sqlite:///PATH (one gateway process) or postgresql://… (several).",
    )
    max_unfinished: int = Field(
        1_000_000,
        ge=1,
        description="Deliveries that may be unfinished before new applications get 503.",
    )
    disk_bytes: int | None = Field(
        None,
        ge=1,
        description="What a PostgreSQL database may grow to on its server's disk, which cannot be "
        "seen from here: for the days until it is full. SQLite's disk is looked at.",
    )


class AuditSettings(Section):
    """The audit log."""

    origin: Annotated[str, AfterValidator(_origin)] | None = Field(
        None,
        max_length=200,
        description="The log's own name in its checkpoints, such as audit.example.lg.jp/kakehashi; "
        "made at random if not set, and for ever once the log was sealed.",
    )


class BrokerSettings(Section):
    """What carries deliveries to the workers."""

    url: str = Field(
        "memory:",
        description="memory: (one process) or amqp(s)://…, a cluster's as HOST:PORT,HOST:PORT.",
    )
    sweep_s: float = Field(
        1.0,
        gt=0,
        le=60,
        description="How often the journal is searched for deliveries that have become due.",
    )


class KeySettings(Section):
    """Where keys are kept."""

    folder: Path = Field(Path("var/keys"), description="Folder of the key files (0700, 0600).")


class CalendarSettings(Section):
    """On which days offices are closed; read by the windows of destinations."""

    file: Path | None = Field(
        None, description="A list of holidays instead of the shipped one of Japan."
    )
    closed_on: tuple[date, ...] = Field(
        (), description="Further holidays, of every destination with a window, such as 2026-12-28."
    )
    open_on: tuple[date, ...] = Field((), description="Days of the list that are working days.")


class MunicipalitySettings(Section):
    """One tenant."""

    name: str = Field(description="Its name, for people.")
    retention: MunicipalityRetention = Field(
        default_factory=MunicipalityRetention, description="How long it keeps what is final."
    )


class ClientSettings(Section):
    """What a front-end system may send; anything not named is denied."""

    municipalities: tuple[Municipality, ...] = Field(description="Codes it may send for.")
    procedures: tuple[str, ...] = Field(description="Procedures, or patterns like childcare/*.")
    webhook: WebhookSettings | None = Field(
        None, description="Where it is told of feedback; none means that it asks."
    )
    feedback_codes: dict[Code, Code] = Field(
        default_factory=dict,
        description="Our reason codes of feedback to its own; others are told as they are.",
    )


class RetrySettings(Section):
    """A destination's retry budget."""

    max_attempts: int = Field(12, ge=1, description="Counted attempts before parking.")
    max_age_s: Seconds = Field(86_400.0, description="Age at which it is parked.")
    base_s: Seconds = Field(1.0, description="Upper bound of the first wait.")
    cap_s: Seconds = Field(900.0, description="Upper bound of every wait.")

    def policy(self) -> RetryPolicy:
        """Return the same as a domain value."""
        return RetryPolicy(**self.model_dump())


class BreakerSettings(Section):
    """When a worker stops sending to a core system that is down, and how it tries again."""

    failures: int = Field(5, ge=1, le=1000, description="Failures in a row that open it.")
    probe_s: Seconds = Field(
        5.0, description="First wait before the core system is asked again; it doubles."
    )
    probe_cap_s: Seconds = Field(60.0, description="Longest such wait.")


class WindowSettings(Section):
    """When a core system may be sent to, in Japan's time. Outside, everything waits."""

    open: tuple[str, ...] = Field(
        (), description="Openings like mon-fri 08:30-17:15; none means always."
    )
    on_holidays: Literal["closed", "open"] = Field(
        "closed", description="Whether it stays closed on the calendar's days."
    )

    @field_validator("open")
    @classmethod
    def _is_readable(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_openings(value)
        return value


class DestinationSettings(Section):
    """One core system of one municipality."""

    municipality: Municipality = Field(description="Whose core system it is.")
    adapter: Name = Field(description="Name of an installed adapter (kakehashi adapter list).")
    config: dict[str, object] = Field(
        default_factory=dict, description="The adapter's own configuration; see its README."
    )
    idempotency: Idempotency = Field(
        Idempotency.NONE,
        description="What the core system offers against doubles: none, lookup or native.",
    )
    max_in_flight: int = Field(8, ge=1, le=2000, description="Copies in a worker's hands at once.")
    # Not ``Seconds``: of two upper bounds pydantic takes the one inside the annotation.
    send_timeout_s: float = Field(
        60.0, gt=0, le=1500, description="Deadline of one send; below the broker's 30 min."
    )
    settle_s: float | None = Field(
        None,
        ge=0,
        le=31_536_000,
        description=(
            "With idempotency lookup: after a send, how long a lookup's no proves nothing, in "
            "seconds; longer than send_timeout_s. Not needed for adapters that know (file)."
        ),
    )
    key_memory_s: Seconds = Field(
        timedelta(days=7).total_seconds(),
        description="How long the core system remembers an idempotency key, in seconds.",
    )
    retry: RetrySettings = Field(default_factory=RetrySettings, description="Retry budget.")
    breaker: BreakerSettings = Field(
        default_factory=BreakerSettings, description="Circuit breaker of its workers."
    )
    rate_per_s: float | None = Field(
        None,
        gt=0,
        le=100_000,
        description="Most sends a second, all workers together; none means no limit.",
    )
    window: WindowSettings = Field(
        default_factory=WindowSettings, description="When it may be sent to."
    )
    order_by: str | None = Field(
        None,
        pattern=r"^((/[^/]+)+|\*)$",
        max_length=200,
        description=(
            "Deliver in the order of acceptance what has the same value at this JSON pointer "
            "of the application, such as /applicant/resident_code; * keeps all of it in order."
        ),
    )
    feedback_codes: dict[Code, Code] = Field(
        default_factory=dict,
        description="The core system's reason codes of feedback to ours; others stay as they are.",
    )
    paused: bool = Field(False, description="Keep everything for it in the journal.")


class RouteSettings(Section):
    """One rule of the routing table; the first that matches decides."""

    municipality: Municipality = Field(description="The tenant it is for.")
    procedure: str = Field(description="Procedure, or a pattern like childcare/*.")
    to: tuple[Name, ...] = Field(min_length=1, description="Destinations; each gets its own copy.")


class WorkerSettings(Section):
    """A worker whose signing key (worker/NAME) the gateway trusts."""

    destinations: tuple[Name, ...] = Field(description="What it may claim and report for.")


class SchemaSettings(Section):
    """Where procedures come from."""

    folders: tuple[Path, ...] = Field(
        (), description="Folders with the municipality's own procedures, beside the shipped ones."
    )


class MetricsSettings(Section):
    """The metrics port of ``kakehashi work``; a gateway has its own at the operations port."""

    host: str = Field("127.0.0.1", description="Address of /livez and /metrics of workers.")
    port: Port | None = Field(
        None, description="Port of the same, such as 8082; 0 takes a free one, none serves nothing."
    )


class LogSettings(Section):
    """How the process logs, to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is written."
    )
    format: Literal["json", "text"] = Field("json", description="One JSON object a line, or text.")


class Settings(BaseSettings):
    """Everything that can be configured. Secrets come from files or the environment only."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
    )

    node: Name = Field("gw-1", description="This gateway process's name in the audit log.")
    home: Path = Field(
        Path("var"),
        description="Folder of the socket, of adapters' state and of the audit log's last "
        "checkpoint; keep it when the process is restarted.",
    )
    http: HTTPSettings = Field(default_factory=HTTPSettings, description="Listeners and limits.")
    console: ConsoleSettings = Field(
        default_factory=ConsoleSettings, description="The operations console."
    )
    operations: OperationsSettings = Field(
        default_factory=OperationsSettings, description="What needs a second person."
    )
    journal: JournalSettings = Field(default_factory=JournalSettings, description="The journal.")
    broker: BrokerSettings = Field(default_factory=BrokerSettings, description="The broker.")
    audit: AuditSettings = Field(default_factory=AuditSettings, description="The audit log.")
    keys: KeySettings = Field(default_factory=KeySettings, description="The key store.")
    retention: RetentionSettings = Field(
        default_factory=RetentionSettings, description="How long what is final is kept."
    )
    calendar: CalendarSettings = Field(
        default_factory=CalendarSettings, description="The days on which offices are closed."
    )
    schemas: SchemaSettings = Field(default_factory=SchemaSettings, description="Procedures.")
    log: LogSettings = Field(default_factory=LogSettings, description="Logging.")
    metrics: MetricsSettings = Field(
        default_factory=MetricsSettings, description="Metrics of worker processes."
    )
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings, description="Traces.")
    municipalities: dict[Municipality, MunicipalitySettings] = Field(
        default_factory=dict, description="The tenants, by code."
    )
    clients: dict[Name, ClientSettings] = Field(
        default_factory=dict, description="The front-end systems, by name."
    )
    destinations: dict[Name, DestinationSettings] = Field(
        default_factory=dict, description="The core systems, by name."
    )
    routes: tuple[RouteSettings, ...] = Field((), description="The routing table, in order.")
    workers: dict[Name, WorkerSettings] = Field(
        default_factory=dict, description="The workers, by name."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, and nothing else come in."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @model_validator(mode="after")
    def _names_exist(self) -> "Settings":
        """Refuse what points to nothing, or to another municipality."""
        for index, route in enumerate(self.routes):
            self._require_municipality(f"routes.{index}.municipality", route.municipality)
            for name in route.to:
                self._require_destination(f"routes.{index}.to", name, route.municipality)
        for name, destination in self.destinations.items():
            self._require_municipality(
                f"destinations.{name}.municipality", destination.municipality
            )
        for client, grant in self.clients.items():
            for code in grant.municipalities:
                self._require_municipality(f"clients.{client}.municipalities", code)
        for worker, trusted in self.workers.items():
            for name in trusted.destinations:
                self._require_destination(f"workers.{worker}.destinations", name, None)
        return self

    def _require_municipality(self, key: str, code: str) -> None:
        if code not in self.municipalities:
            raise ValueError(f"{key}: {code} is not among municipalities")

    def _require_destination(self, key: str, name: str, municipality: str | None) -> None:
        destination = self.destinations.get(name)
        if destination is None:
            raise ValueError(f"{key}: {name} is not among destinations")
        if municipality not in (None, destination.municipality):
            raise ValueError(f"{key}: {name} belongs to {destination.municipality}")
