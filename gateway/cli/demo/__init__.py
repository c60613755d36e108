"""The demo: three simulated core systems, and applications on their way into them."""

from gateway.cli.failures import CommandError, ExitCode

try:
    import asyncssh as _asyncssh  # noqa: F401 - an extra, of which one core system is made
except ImportError as error:
    raise CommandError(
        "the demo has an SFTP server", ExitCode.USAGE, "pip install 'kakehashi[sftp]'"
    ) from error

from gateway.cli.demo.run import demo

__all__ = ["demo"]
