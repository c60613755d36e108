"""What can be told of this machine: configuration, keys, versions, clock, disks, certificates."""

import asyncio
import os
import platform
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway import __version__
from gateway.bootstrap.machine import certificate_files, look_at_machine
from gateway.cli.diagnosis.line import Level, Line, Said, line
from gateway.cli.examine import Role, examine, likely_role
from gateway.cli.invocation import Invocation
from gateway.domain.errors import ConfigError
from gateway.drivers import kernel_clock
from gateway.services.machine import Machine
from gateway.settings.model import Settings

LOW_SHARE: Final = 0.15
END_SHARE: Final = 0.05
"""Of a disk that is free: below it somebody should look, and act."""
EXPIRES_SOON: Final = timedelta(days=30)
"""A municipality needs weeks to get a certificate."""

_LIBPQ_OWN: Final = "system"
"""``sslrootcert=system`` is no file but the operating system's store (libpq, 34.19.1)."""
_KEY_FILES: Final = ("keyfile", "sslkey")
"""Parameters of aiormq's and libpq's URLs that name files of private keys."""
_DESTINATIONS: Final = "destinations."
_KEY_FILE: Final = "client_key_file"
"""What adapters call the file of a private key in their configuration."""

_CORRECT: Final[Said] = (
    "直してから kakehashi config check で確認してください。",
    "Correct it: kakehashi config check.",
)
_MADE: Final[Said] = ("次の kakehashi up が作ります。", "The next kakehashi up makes it.")
_RENEW: Final[Said] = ("証明書を更新してください。", "Renew the certificate.")


def settings_of(invocation: Invocation) -> tuple[Settings | None, list[Line]]:
    """Read the configuration; without one nothing else can be looked at."""
    try:
        return invocation.settings(), []
    except (ConfigError, OSError) as error:
        said = ": ".join(map(str, error.args)) if isinstance(error, ConfigError) else None
        lines = (said or f"{invocation.path}: {os.strerror(_number(error))}").splitlines()
        return None, [line("configuration", Level.BAD, (each, each), _CORRECT) for each in lines]


def _number(error: Exception) -> int:
    return (error.errno or 0) if isinstance(error, OSError) else 0


def look_here(settings: Settings) -> Iterator[Line]:
    """Yield what needs nobody else."""
    role = likely_role(settings)
    yield from _configuration(settings, role)
    yield _versions()
    yield _clock()
    machine = asyncio.run(look_at_machine(settings)())
    yield from _disks(machine)
    yield from _certificates(machine, settings, role)


def _configuration(settings: Settings, role: Role) -> Iterator[Line]:
    # A broker in memory means `up`, which makes the keys that are missing.
    problems = examine(settings, role, makes_keys=role is Role.ALL)
    for problem in problems:
        level = Level.BAD if problem.is_fatal else Level.WARN
        is_made = role is Role.ALL and problem.text.startswith("keys: ") and not problem.is_fatal
        action = _MADE if is_made else _CORRECT
        yield line("configuration", level, (problem.text, problem.text), action)
    if not any(problem.is_fatal for problem in problems):
        found = (f"設定と鍵は有効です({role})。", f"It and its keys would work ({role}).")
        yield line("configuration", Level.OK, found)


def _versions() -> Line:
    said = f"kakehashi {__version__}, Python {platform.python_version()}"
    return Line("versions", Level.OK, said)


def _clock() -> Line:
    kept = kernel_clock.synchronised()
    if kept is None:
        unknown = (
            "カーネルは同期の状態を示しません。",
            "The kernel does not say whether it is kept.",
        )
        return line("clock", Level.OK, unknown)
    if kept:
        return line("clock", Level.OK, ("同期されています。", "It is synchronised."))
    return line(
        "clock",
        Level.WARN,
        ("時計が同期されていません。", "The clock is not synchronised."),
        ("chrony などで NTP を有効にしてください。", "Have NTP keep it, as with chrony."),
    )


def _disks(machine: Machine) -> Iterator[Line]:
    grow = ("ディスクを広げてください。", "Enlarge the disk.")
    for name, disk in machine.disks.items():
        share = disk.free_bytes / disk.size_bytes if disk.size_bytes else 0.0
        gib = f"{disk.free_bytes / 2**30:.1f} GiB"
        free = (f"{name}: 空き {gib} ({share:.0%})", f"{name}: {gib} free ({share:.0%})")
        level = Level.OK if share >= LOW_SHARE else Level.WARN if share >= END_SHARE else Level.BAD
        yield line("disk", level, free, None if level == Level.OK else grow)


def _certificates(machine: Machine, settings: Settings, role: Role) -> Iterator[Line]:
    ends: dict[str, datetime | None] = {
        name: machine.certificates.get(name)
        for name, path in certificate_files(settings).items()
        if str(path) != _LIBPQ_OWN
        # A gateway without workers needs none of its destinations' files.
        and not (role is Role.GATEWAY and name.startswith(_DESTINATIONS))
    }
    now = datetime.now(UTC)
    for name, at in ends.items():
        if at is None:
            yield line(
                "certificate",
                Level.BAD,
                (f"{name}: 読めません。", f"{name}: cannot be read."),
                (
                    "PEM形式のファイルと権限を確認してください。",
                    "Must be a readable PEM file.",
                ),
            )
            continue
        said = (f"{name}: 有効期限 {at:%Y-%m-%d}", f"{name}: expires {at:%Y-%m-%d}")
        level = Level.BAD if at <= now else Level.WARN if at - now < EXPIRES_SOON else Level.OK
        yield line("certificate", level, said, None if level == Level.OK else _RENEW)
    for name, path in _private_keys(settings, role).items():
        if not os.access(path, os.R_OK):
            yield line(
                "certificate",
                Level.BAD,
                (f"{name}: 秘密鍵を読めません。", f"{name}: the private key cannot be read."),
                ("ファイルと権限を確認してください。", "See that the file is there, and whose."),
            )


def _private_keys(settings: Settings, role: Role) -> Mapping[str, Path]:
    urls = (("broker.url", settings.broker.url), ("journal.url", settings.journal.url))
    files = {
        f"{key} {name}": Path(values[0])
        for key, url in urls
        for name, values in parse_qs(urlsplit(url).query).items()
        if name in _KEY_FILES
    }
    if role is Role.GATEWAY:
        return files
    return files | {
        f"{_DESTINATIONS}{name}.config.{_KEY_FILE}": Path(str(destination.config[_KEY_FILE]))
        for name, destination in settings.destinations.items()
        if destination.config.get(_KEY_FILE)
    }
