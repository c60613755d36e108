"""The audit log's bytes: one entry as JSON, and the hash that chains it to the next.

Version 2 of an entry is one compact JSON object in UTF-8 (RFC 8259, no BOM), members
sorted by name, at most 65,535 bytes:

============  ======================================================================
action        what happened, ``subject.verb`` (``domain.entry.Action``)
actor         ``{"kind", "name"}``: a verified identity
application   UUID in lower case; left out when the entry concerns none
at            RFC 3339, UTC, three digits of a second, ``2026-11-23T01:02:03.004Z``
delivery      UUID in lower case; left out when the entry concerns none
detail        base64url without padding (RFC 4648, 5): free words, encrypted under a key of
              their own (``crypto.detail``); left out when there are none
facts         object of strings, integers within ±(2^53 - 1), booleans and nulls; always there
municipality  six digits; left out when the entry concerns no single municipality
node          the node whose chain this is
nprev         64 hexadecimal digits in lower case: the leaf hash of this node's entry before
nseq          place in the node's chain, from 1, without gaps
subject       64 hexadecimal digits in lower case: stands for the 受付番号 that the entry
              concerns (``crypto.pseudonym``); left out when it concerns none
v             2; entries of version 1 have neither detail nor subject
============  ======================================================================

What is hashed is what is stored: nobody may serialise an entry a second time.
``audit.verify`` reads these bytes by a description of its own and imports nothing from here.
"""

import json
import re
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from typing import Final

from gateway.audit.tree import EMPTY_ROOT, leaf_hash
from gateway.domain.entry import Entry, Fact
from gateway.domain.identifiers import NodeName

GENESIS: Final[bytes] = EMPTY_ROOT
"""``nprev`` of a node's first entry: the hash of the empty tree (RFC 6962, 2.1)."""

MAX_ENTRY_BYTES: Final = 65_535
"""What the length prefix of a C2SP ``tlog-tiles`` entry bundle can hold (uint16)."""

_HASH_BYTES: Final = 32
_MAX_INTEGER: Final = (1 << 53) - 1
_FACT_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_to_json: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
).encode


def encode(entry: Entry, *, node: NodeName, nseq: int, nprev: bytes) -> bytes:
    """Return the canonical bytes of ``entry`` at its place in a node's chain.

    Args:
        entry: What happened.
        node: Whose chain it goes into.
        nseq: Its place there, from 1.
        nprev: ``leaf`` of the entry before, 32 bytes; ``GENESIS`` for the first.

    Returns:
        At most ``MAX_ENTRY_BYTES`` bytes, in the format of this module.

    Raises:
        ValueError: A naive time, a fact that is none, a lone surrogate, a number out of
            its range, or more bytes than an entry may have.
    """
    if nseq < 1 or len(nprev) != _HASH_BYTES:
        raise ValueError(nseq, len(nprev))
    members: dict[str, object] = {
        "action": entry.action.value,
        "actor": {"kind": entry.actor.kind.value, "name": entry.actor.name},
        "at": _timestamp(entry.at),
        "facts": {name: _fact(name, value) for name, value in entry.facts.items()},
        "node": node,
        "nprev": nprev.hex(),
        "nseq": nseq,
        "v": 2,
    }
    if entry.application is not None:
        members["application"] = str(entry.application)
    if entry.delivery is not None:
        members["delivery"] = str(entry.delivery)
    if entry.detail is not None:
        members["detail"] = urlsafe_b64encode(entry.detail.sealed).rstrip(b"=").decode("ascii")
    if entry.municipality is not None:
        members["municipality"] = entry.municipality
    if entry.subject is not None:
        members["subject"] = entry.subject.hex()
    data = _to_json(members).encode()
    if len(data) > MAX_ENTRY_BYTES:
        raise ValueError(entry.action, len(data))
    return data


leaf: Final = leaf_hash
"""An entry's leaf hash chains it to the next, as it places it in the tree."""


def _timestamp(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(at)
    text = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.removesuffix("+00:00") + "Z"


def _fact(name: str, value: Fact) -> Fact:
    if _FACT_NAME.fullmatch(name) is None:
        raise ValueError(name)
    if isinstance(value, str | bool | None):
        return value
    # Exactly int: neither a float in disguise nor an IntEnum, whose JSON depends on its class.
    if type(value) is not int or abs(value) > _MAX_INTEGER:
        raise ValueError(name)
    return value
