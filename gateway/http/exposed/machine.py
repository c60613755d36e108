"""What the process is and stands on: its build, disks and certificates."""

import platform
from collections.abc import Iterator

from prometheus_client.core import Metric

from gateway import __version__
from gateway.http.exposed.families import gauge
from gateway.services.machine import Machine


def families(machine: Machine) -> Iterator[Metric]:
    """Yield the process's own."""
    yield gauge(
        "build_info",
        "1; which version runs, on which Python.",
        ("version", "python"),
        {(__version__, platform.python_version()): 1},
    )
    yield gauge(
        "disk_free_bytes",
        "Room left on the file system where this lies; of a database elsewhere "
        "what journal.disk_bytes leaves it. Missing where it cannot be seen from here.",
        ("folder",),
        {(name,): disk.free_bytes for name, disk in machine.disks.items()},
    )
    yield gauge(
        "disk_size_bytes",
        "Size of that file system.",
        ("folder",),
        {(name,): disk.size_bytes for name, disk in machine.disks.items()},
    )
    yield gauge(
        "certificate_expiry_timestamp_seconds",
        "When a certificate expires that the configuration names, in Unix time, by its key there.",
        ("file",),
        {(name,): at.timestamp() for name, at in machine.certificates.items()},
    )
