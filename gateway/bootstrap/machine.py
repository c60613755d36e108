"""Which folders and certificates a process looks at for Prometheus."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from gateway.crypto.certificate import expires_at
from gateway.services.machine import LookAtMachine
from gateway.settings.model import Settings

_FILES: Final = ("cafile", "certfile", "sslrootcert", "sslcert")
"""Parameters of aiormq's and libpq's URLs that name files of certificates."""


def look_at_machine(settings: Settings) -> LookAtMachine:
    """Return what looks at the configured folders and certificates."""
    folders = {"home": settings.home, "keys": settings.keys.folder}
    if settings.journal.url.startswith("sqlite:"):
        folders["journal"] = Path(settings.journal.url.removeprefix("sqlite:///")).parent
    return LookAtMachine(folders, certificate_files(settings), expires_at)


def certificate_files(settings: Settings) -> Mapping[str, Path]:
    """Return the files of certificates that connections use, by their keys."""
    return {
        f"{key} {name}": Path(values[0])
        for key, url in (("broker.url", settings.broker.url), ("journal.url", settings.journal.url))
        for name, values in parse_qs(urlsplit(url).query).items()
        if name in _FILES
    }
