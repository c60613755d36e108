"""Which keys sign the audit log, out of the key store, and where its last checkpoint is kept."""

from collections.abc import Sequence
from contextlib import suppress

from gateway.audit.sealing import Signing
from gateway.bootstrap.key_names import log_key, log_key_numbers
from gateway.crypto.log_keys import LogKeys, raw_public, verify
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError
from gateway.drivers.file_checkpoint import FileCheckpoint
from gateway.ports.kept_checkpoint import KeptCheckpoint
from gateway.ports.keys import KeyStore
from gateway.settings.model import CHECKPOINT_NAME, Settings


def log_signing(store: KeyStore) -> Signing:
    """Return the log's keys: the highest number signs, all of them are believed.

    Raises:
        KeyNotFoundError: There is none, or only the public half of the one that signs.
    """
    names = tuple(log_key(number) for number in log_key_numbers(store.names()))
    if not names:
        raise KeyNotFoundError(log_key(1))
    *earlier, last = names
    keys = LogKeys(store.private(last), [store.public(name) for name in earlier])
    return Signing(names=names, public=keys.public, sign=keys.sign, verify=verify)


def log_public(store: KeyStore) -> Sequence[tuple[str, bytes]]:
    """Return names and public halves (32 bytes) of the log's keys in the store, oldest first.

    A key that cannot be read is left out: it is no reason to stop with those that can.
    """
    found = []
    for number in log_key_numbers(store.names()):
        with suppress(KeyNotFoundError, KeyUnusableError):
            found.append((log_key(number), raw_public(store.public(log_key(number)))))
    return found


def kept_checkpoint(settings: Settings) -> KeptCheckpoint:
    """Return where a gateway keeps the last signed checkpoint; reads nothing yet."""
    return FileCheckpoint(settings.home / CHECKPOINT_NAME)
