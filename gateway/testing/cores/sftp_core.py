"""A core system behind a real SFTP server: takes files, and later writes result files.

It takes files out of the server's ``drop`` as ``file_core`` does, each once its trigger file
is there if there are trigger files. ``sftp_server`` tells how it can be made to fail.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import asyncssh

from gateway.testing.cores.file_core import FileCore, FileCoreSettings
from gateway.testing.cores.ledger import Ledger
from gateway.testing.cores.sftp_server import SFTPServer


class SFTPTaker:
    """The core system behind the server: takes files away and writes results. Blocking."""

    def __init__(
        self,
        server: SFTPServer,
        ledger: Ledger,
        taken: Path,
        *,
        trigger_suffix: str | None = None,
        refuses_every: int = 5,
        decides_after_s: float = 0.0,
    ) -> None:
        """Make its folders; ``taken`` is on the same file system, outside of the server's root."""
        self._drop = server.drop
        self._inside = taken / "inside"
        self._trigger_suffix = trigger_suffix
        self.files = FileCore(
            FileCoreSettings(
                drop=self._inside if trigger_suffix else self._drop,
                taken=taken / "taken",
                results=server.results,
                refuses_every=refuses_every,
                decides_after_s=decides_after_s,
            ),
            ledger,
        )
        """What it took, and what it could not read."""

    def step(self) -> int:
        """Take what lies in the folder, write results that are due; return how many were taken."""
        if self._trigger_suffix is not None:
            for trigger in sorted(self._drop.glob(f"*{self._trigger_suffix}")):
                name = trigger.name.removesuffix(self._trigger_suffix)
                (self._drop / name).rename(self._inside / name)
                trigger.unlink()
        return self.files.step()


def _key_in(path: Path) -> asyncssh.SSHKey:
    """Return the host key of an earlier start, or make one and keep it."""
    if not path.exists():
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(str(path))
    return asyncssh.read_private_key(str(path))


async def _serve(arguments: argparse.Namespace) -> None:
    ledger = Ledger(arguments.log)
    authorized = [asyncssh.read_public_key(str(path)) for path in arguments.authorized_key]
    server = SFTPServer(
        arguments.root,
        host_key=_key_in(arguments.host_key),
        password=arguments.password_file and arguments.password_file.read_text("utf-8").strip(),
        authorized=authorized,
    )
    taker = SFTPTaker(
        server,
        ledger,
        arguments.taken,
        trigger_suffix=arguments.trigger,
        refuses_every=arguments.refuse_every,
        decides_after_s=arguments.decide_after,
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    port = await server.start(arguments.port)
    sys.stdout.write(f"{port}\n{server.host_key}\n")
    sys.stdout.flush()
    while not stop.is_set():
        taker.step()
        try:
            async with asyncio.timeout(arguments.interval):
                await stop.wait()
        except TimeoutError:
            continue
    await server.close()
    ledger.close()


def main() -> None:
    """Run it until it is told to stop; its output is its port and its host key, a line each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="what a login sees")
    parser.add_argument("--taken", type=Path, required=True, help="where it takes files to")
    parser.add_argument("--log", type=Path, required=True, help="the ledger, JSON Lines")
    parser.add_argument("--host-key", type=Path, required=True, help="made if missing")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--password-file", type=Path, help="the login's password")
    parser.add_argument(
        "--authorized-key", type=Path, action="append", default=[], help="a public key's file"
    )
    parser.add_argument("--trigger", help="take a file when this is there behind its name")
    parser.add_argument("--refuse-every", type=int, default=5, help="0 refuses none")
    parser.add_argument("--decide-after", type=float, default=0.0, help="seconds")
    parser.add_argument("--interval", type=float, default=0.2, help="seconds between two looks")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
