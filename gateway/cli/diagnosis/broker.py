"""What the broker says: can it be reached, are its queues as they must be, which version."""

import asyncio
from collections.abc import Iterator
from typing import Final

from gateway.cli.diagnosis.line import Level, Line, Said, line
from gateway.cli.examine import Role, likely_role
from gateway.domain.errors import BrokerUnavailableError
from gateway.ports.standing import BrokerStanding
from gateway.settings.model import Settings

PATIENCE_S: Final = 8.0
"""Until a broker must have answered: two connections over a slow line take less."""
OLDEST: Final = (3, 10)
"""The first RabbitMQ whose quorum queues dead-letter at least once (its release notes)."""

_REASONS: Final[tuple[tuple[str, Said], ...]] = (
    (
        "Authentication",
        ("利用者名かパスワードが違います。", "It refuses the user or the password."),
    ),
    ("ConnectionRefused", ("そのポートは開いていません。", "Nothing listens at that port.")),
    ("Timeout", ("応答がありません。", "It does not answer.")),
    ("SSL", ("TLSで接続できません。", "There is no TLS with it.")),
    ("Access", ("権限が足りません。", "Its permissions do not suffice.")),
    ("gaierror", ("ホスト名を解決できません。", "Its host's name is not known.")),
)
"""What the library's errors mean, by a part of the name of their class."""


def look_at_broker(settings: Settings) -> Iterator[Line]:
    """Yield it; what hangs is given up after ``PATIENCE_S``."""
    if settings.broker.url.startswith("memory:"):
        inside = ("ゲートウェイのプロセス内です。", "It is inside the gateway's process.")
        yield line("broker", Level.OK, inside)
        return
    if not settings.broker.url.startswith(("amqp:", "amqps:")):
        return  # The configuration's own line says so.
    from gateway.drivers.rabbitmq.standing import look  # noqa: PLC0415 - `doctor` may need none

    is_owner = likely_role(settings) is Role.GATEWAY
    try:
        found = asyncio.run(
            look(
                settings.broker.url,
                list(settings.destinations if is_owner else _worked_for(settings)),
                is_owner=is_owner,
                timeout_s=PATIENCE_S,
            )
        )
    except BrokerUnavailableError as error:
        japanese, english = _reason(error)
        gone = ("ブローカーに接続できません。", "The broker cannot be reached.")
        see = (
            f"{japanese}broker.url、ブローカーの稼働と権限を確認してください。受付は続いています。",
            f"{english} See broker.url, the broker itself and its permissions. Accepting goes on.",
        )
        yield line("broker", Level.BAD, gone, see)
        return
    yield _reached(found)
    yield from _queues(found)


def _worked_for(settings: Settings) -> set[str]:
    return {name for worker in settings.workers.values() for name in worker.destinations}


def _reason(error: BaseException) -> Said:
    cause: BaseException | None = error
    while cause is not None:
        name = type(cause).__name__
        for part, said in _REASONS:
            if part in name:
                return said
        cause = cause.__cause__
    return ("", "It gives no reason.")


def _reached(found: BrokerStanding) -> Line:
    version = found.version or "?"
    said = (f"接続できます (RabbitMQ {version})。", f"It can be reached (RabbitMQ {version}).")
    numbers = tuple(int(part) for part in found.version.split(".")[:2] if part.isdecimal())
    if numbers and numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        upgrade = (
            f"RabbitMQ {oldest} 以降に更新してください。",
            f"Upgrade it to RabbitMQ {oldest} or later.",
        )
        return line("broker", Level.BAD, said, upgrade)
    return line("broker", Level.OK, said)


def _queues(found: BrokerStanding) -> Iterator[Line]:
    if found.missing:
        names = ", ".join(found.missing)
        apply = "kakehashi topology apply"
        yield line(
            "queues", Level.WARN, (f"ありません: {names}", f"missing: {names}"), (apply, apply)
        )
    if found.different:
        names = ", ".join(found.different)
        stop = (
            "すべて停止してから kakehashi topology apply --recreate",
            "Stop everything, then kakehashi topology apply --recreate",
        )
        said = (f"引数が違います: {names}", f"other arguments: {names}")
        yield line("queues", Level.BAD, said, stop)
    if found.idle:
        names = ", ".join(found.idle)
        said = (f"受け取るワーカーがありません: {names}", f"nobody takes from: {names}")
        start = (
            "kakehashi work で起動してください。業務システムの停止中も受け取りません。",
            "Start kakehashi work; or its core system is down, then it waits on purpose.",
        )
        yield line("queues", Level.WARN, said, start)
    if not (found.missing or found.different or found.idle):
        yield line("queues", Level.OK, ("引数は正しい値です。", "Arguments are right."))
