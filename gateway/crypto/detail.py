"""Free words in the audit log: readable as long as their key is kept, then never again.

A person's reason or a core system's words may name somebody. They are encrypted under a key
that is made for this one detail and stored in a row of its own. Deleting the row erases
the words; the entry, and with it the log's hashes, stays as it is. Byte for byte::

    plaintext = UTF-8(compact JSON object, members sorted by name)
    detail    = nonce 12 || AES-256-GCM(key, nonce, plaintext, associated data) || tag 16

with the ASCII bytes ``kakehashi/audit-detail/1`` as associated data (NIST SP 800-38D; the
nonce is random, and a key seals once).
"""

import json
import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.entry import Detail
from gateway.domain.errors import SealInvalidError

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_LABEL: Final = b"kakehashi/audit-detail/1"


def conceal(words: Mapping[str, str]) -> Detail:
    """Encrypt words under a new key.

    Args:
        words: By name, such as ``reason``; together a few thousand characters at most.
    """
    key = os.urandom(KEY_BYTES)
    nonce = os.urandom(_NONCE_BYTES)
    text = json.dumps(dict(words), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Detail(key, nonce + AESGCM(key).encrypt(nonce, text.encode(), _LABEL))


def reveal(detail: Detail) -> dict[str, str]:
    """Return the words.

    Raises:
        SealInvalidError: It is not the key, or not what was concealed.
    """
    nonce, sealed = detail.sealed[:_NONCE_BYTES], detail.sealed[_NONCE_BYTES:]
    try:
        words = json.loads(AESGCM(detail.key).decrypt(nonce, sealed, _LABEL))
    except (InvalidTag, ValueError) as error:
        raise SealInvalidError("detail") from error
    return {str(name): str(word) for name, word in words.items()}
