"""Which keys sign the audit log, out of the key store."""

from gateway.audit.sealing import Signing
from gateway.bootstrap.key_names import log_key, log_key_numbers
from gateway.crypto.log_keys import LogKeys, verify
from gateway.domain.errors import KeyNotFoundError
from gateway.ports.keys import KeyStore


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
