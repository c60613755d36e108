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
_SETTINGS: Final = ("certificate_file", "ca_file")
"""What a setting of an adapter's that names such a file ends with (``AdapterConfig``)."""
_DEEPEST: Final = 4


def look_at_machine(settings: Settings) -> LookAtMachine:
    """Return what looks at the configured folders and certificates."""
    folders = {"home": settings.home, "keys": settings.keys.folder}
    if settings.journal.url.startswith("sqlite:"):
        folders["journal"] = Path(settings.journal.url.removeprefix("sqlite:///")).parent
    return LookAtMachine(folders, certificate_files(settings), expires_at)


def certificate_files(settings: Settings) -> Mapping[str, Path]:
    """Return the files of certificates that connections use, by their keys."""
    files = {
        f"{key} {name}": Path(values[0])
        for key, url in (("broker.url", settings.broker.url), ("journal.url", settings.journal.url))
        for name, values in parse_qs(urlsplit(url).query).items()
        if name in _FILES
    }
    for name, destination in settings.destinations.items():
        files |= _named_in(destination.config, f"destinations.{name}.config")
    return files


def _named_in(config: Mapping[str, object], key: str, depth: int = 0) -> dict[str, Path]:
    """Return the files of certificates that an adapter's configuration names."""
    found: dict[str, Path] = {}
    for name, value in config.items():
        here = f"{key}.{name}"
        if isinstance(value, str) and name.endswith(_SETTINGS):
            found[here] = Path(value)
        elif isinstance(value, Mapping) and depth < _DEEPEST:
            found |= _named_in(value, here, depth + 1)
    return found
