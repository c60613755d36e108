"""TLS settings, and whether the files they were read from have changed."""

import ssl
from pathlib import Path

from adapters.http.config import HTTPConfig
from gateway.sdk import ConfigError

Marks = tuple[tuple[int, int, int] | None, ...]
"""Of each file: inode, size and time of change in ns; ``None`` if it is not there."""


def tls_context(config: HTTPConfig) -> ssl.SSLContext:
    """Return the settings: TLS 1.2 or later, host names checked. Blocking.

    Raises:
        ConfigError: A file cannot be read or does not hold what it should.
    """
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if config.client_certificate_file is not None:
            password = config.client_key_password
            context.load_cert_chain(
                config.client_certificate_file,
                config.client_key_file,
                # Never asked for on the terminal: an encrypted key without a password is refused.
                password="" if password is None else password.get_secret_value(),
            )
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError("tls files: cannot be used") from error
    return context


def file_marks(config: HTTPConfig) -> Marks:
    """Return what tells a renewed file from the one before. Blocking."""
    files = (config.ca_file, config.client_certificate_file, config.client_key_file)
    return tuple(_mark(path) for path in files if path is not None)


def _mark(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
