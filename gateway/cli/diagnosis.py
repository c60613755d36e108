"""Is everything as it must be? What ``kakehashi doctor`` looks at, and what to do about it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from gateway import __version__
from gateway.bootstrap.machine import certificate_files, look_at_machine
from gateway.cli import words
from gateway.cli.examine import Role, examine, likely_role
from gateway.cli.failures import failure
from gateway.cli.invocation import Invocation
from gateway.cli.reach import perform
from gateway.console.render import number, seconds
from gateway.console.words import load_words
from gateway.domain.errors import BrokerUnavailableError, ConfigError
from gateway.drivers import kernel_clock
from gateway.services.machine import Machine
from gateway.settings.model import SOCKET_NAME, Settings

LOW_SHARE: Final = 0.15
END_SHARE: Final = 0.05
"""Of a disk that is free: below it somebody should look, and act."""
EXPIRES_SOON: Final = timedelta(days=30)
"""A municipality needs weeks to get a certificate."""
_BROKER_S: Final = 10.0
_OF_TIME: Final = frozenset({"late", "log_not_sealed"})
"""Findings of the overview whose number is seconds."""


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at.

    Attributes:
        subject: What: ``configuration``, ``clock``, ``disk``, ``broker`` and so on.
        level: How bad it is.
        said: What was found.
        action: What to do; ``None`` where nothing is to be done.
    """

    subject: str
    level: Level
    said: str
    action: str | None = None


def settings_of(invocation: Invocation) -> tuple[Settings | None, list[Line]]:
    """Read the configuration; without one nothing else can be looked at."""
    try:
        return invocation.settings(), []
    except ConfigError as error:
        lines = ": ".join(map(str, error.args)).splitlines()
        return None, [Line("configuration", Level.BAD, line, _correct()) for line in lines]


def look_here(invocation: Invocation, settings: Settings) -> Iterator[Line]:
    """Yield what can be told of this machine: configuration, keys, clock, disks, certificates."""
    role = likely_role(settings)
    problems = examine(settings, role, makes_keys=invocation.is_embedded)
    for problem in problems:
        level = Level.BAD if problem.is_fatal else Level.WARN
        yield Line("configuration", level, problem.text, _correct() if problem.is_fatal else None)
    if not any(problem.is_fatal for problem in problems):
        found = words.of((f"設定と鍵は有効です({role})。", f"It and its keys would work ({role})."))
        yield Line("configuration", Level.OK, found)
    yield _clock()
    machine = asyncio.run(look_at_machine(settings)())
    yield from _disks(machine)
    yield from _certificates(machine, certificate_files(settings))


def look_there(invocation: Invocation, settings: Settings) -> Iterator[Line]:
    """Yield what the broker, the gateway and the journal tell."""
    yield from asyncio.run(_collected(_broker(settings)))
    if likely_role(settings) != Role.WORKER:
        yield from _gateway(invocation, settings)


def _correct() -> str:
    return words.of(
        (
            "直してから kakehashi config check で確認してください。",
            "Correct it: kakehashi config check.",
        )
    )


def _clock() -> Line:
    if kernel_clock.synchronised() is False:
        return Line(
            "clock",
            Level.WARN,
            words.of(("時計が同期されていません。", "The clock is not synchronised.")),
            words.of(
                ("chrony などで NTP を有効にしてください。", "Have NTP keep it, as with chrony.")
            ),
        )
    if kernel_clock.synchronised():
        return Line("clock", Level.OK, words.of(("同期されています。", "It is synchronised.")))
    unknown = ("カーネルは同期の状態を示しません。", "The kernel does not say whether it is kept.")
    return Line("clock", Level.OK, words.of(unknown))


def _disks(machine: Machine) -> Iterator[Line]:
    for name, disk in machine.disks.items():
        share = disk.free_bytes / disk.size_bytes if disk.size_bytes else 0.0
        free = words.of(
            (
                f"{name}: 空き {disk.free_bytes / 2**30:.1f} GiB ({share:.0%})",
                f"{name}: {disk.free_bytes / 2**30:.1f} GiB free ({share:.0%})",
            )
        )
        level = Level.OK if share >= LOW_SHARE else Level.WARN if share >= END_SHARE else Level.BAD
        grow = words.of(("ディスクを広げてください。", "Enlarge the disk."))
        yield Line("disk", level, free, None if level == Level.OK else grow)


def _certificates(machine: Machine, files: Mapping[str, Path]) -> Iterator[Line]:
    now = datetime.now(UTC)
    renew = words.of(("証明書を更新してください。", "Renew the certificate."))
    for name in files:
        at = machine.certificates.get(name)
        if at is None:
            said = words.of((f"{name}: 読めません。", f"{name}: cannot be read."))
            put = words.of(
                ("PEM形式のファイルと権限を確認してください。", "Must be a readable PEM file.")
            )
            yield Line("certificate", Level.BAD, said, put)
            continue
        day = f"{at:%Y-%m-%d}"
        said = words.of((f"{name}: 有効期限 {day}", f"{name}: expires {day}"))
        level = Level.BAD if at <= now else Level.WARN if at - now < EXPIRES_SOON else Level.OK
        yield Line("certificate", level, said, None if level == Level.OK else renew)


async def _collected(lines: AsyncIterator[Line]) -> list[Line]:
    return [line async for line in lines]


async def _broker(settings: Settings) -> AsyncIterator[Line]:
    if settings.broker.url.startswith("memory:"):
        inside = ("ゲートウェイのプロセス内です。", "It is inside the gateway's process.")
        yield Line("broker", Level.OK, words.of(inside))
        return
    if not settings.broker.url.startswith(("amqp:", "amqps:")):
        return  # The configuration's own line says so.
    from gateway.drivers.rabbitmq import RabbitBroker  # noqa: PLC0415 - `doctor` may need none

    broker = RabbitBroker(settings.broker.url)
    try:
        async with asyncio.timeout(_BROKER_S):
            await broker.open()
            yield Line("broker", Level.OK, words.of(("接続できます。", "It can be reached.")))
            missing, different = await broker.compare(list(settings.destinations))
    except (BrokerUnavailableError, TimeoutError):
        gone = words.of(("ブローカーに接続できません。", "The broker cannot be reached."))
        see = words.of(
            (
                "broker.url、ブローカーの稼働と権限を確認してください。受付は続いています。",
                "See broker.url, the broker itself and its permissions. Accepting goes on.",
            )
        )
        yield Line("broker", Level.BAD, gone, see)
    else:
        for line in _queues(missing, different):
            yield line
    finally:
        await broker.close()


def _queues(missing: list[str], different: list[str]) -> Iterator[Line]:
    if missing:
        said = words.of(("ありません: ", "missing: ")) + ", ".join(missing)
        yield Line("queues", Level.WARN, said, "kakehashi topology apply")
    if different:
        said = words.of(("引数が違います: ", "other arguments: ")) + ", ".join(different)
        stop = words.of(
            (
                "すべて停止してから kakehashi topology apply --recreate",
                "Stop everything, then kakehashi topology apply --recreate",
            )
        )
        yield Line("queues", Level.BAD, said, stop)
    if not missing and not different:
        yield Line("queues", Level.OK, words.of(("引数は正しい値です。", "Arguments are right.")))


def _gateway(invocation: Invocation, settings: Settings) -> Iterator[Line]:
    start = words.of(
        (
            "kakehashi up または serve で起動してください。",
            "Start one: kakehashi up, or serve.",
        )
    )
    scheme, _, path = settings.journal.url.partition(":///")
    if scheme == "sqlite" and not Path(path).exists():
        none = words.of(("ジャーナルはまだありません。", "There is no journal yet."))
        yield Line("gateway", Level.WARN, none, start)
        return
    try:
        overview = perform(invocation, "overview")
    except Exception as error:
        found = failure(error)
        if found is None:
            raise
        yield Line("journal", Level.BAD, "; ".join(found.lines), found.hint)
        return
    yield Line("journal", Level.OK, words.of(("読み書きできます。", "It can be read and written.")))
    if (settings.home / SOCKET_NAME).exists():
        runs = (f"稼働中 {overview['version']}", f"running, {overview['version']}")
        yield Line("gateway", Level.OK, words.of(runs))
        yield from _version(overview)
    else:
        not_here = ("ここでは動いていません。", "None runs here.")
        yield Line("gateway", Level.WARN, words.of(not_here), start)
    yield from _findings(overview)


def _version(overview: Mapping[str, Any]) -> Iterator[Line]:
    if overview["version"] != __version__:
        said = (
            f"このコマンドは {__version__}、ゲートウェイは {overview['version']} です。",
            f"This command is {__version__}, the gateway {overview['version']}.",
        )
        restart = ("更新後にゲートウェイを再起動してください。", "Restart it after an upgrade.")
        yield Line("versions", Level.WARN, words.of(said), words.of(restart))


def _findings(overview: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what the console's overview says first, in its words."""
    console, language = load_words(), words.language()
    for found in overview["findings"]:
        code, many = found["code"], found["number"]
        said = seconds(many) if code in _OF_TIME else number(None if many is None else round(many))
        values = {"n": said, "name": found["subject"]}
        yield Line(
            "operation",
            Level(found["level"]),
            console.say(language, f"overview.finding.{code}", **values),
            console.say(language, f"overview.do.{code}", **values),
        )
    if not overview["findings"]:
        yield Line("operation", Level.OK, console.say(language, "overview.verdict.well"))
