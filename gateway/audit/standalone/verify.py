"""Verify an exported Kakehashi audit log, or the proof of one entry, without any gateway.

    python3 verify.py EXPORT [--key VKEY]... [--checkpoint FILE]...
        [--receipt FILE]... [--receipt-keys JWKS]
    python3 verify.py proof FILE --entry FILE --key VKEY...

Needs Python 3.11 or later and the package ``cryptography`` (for Ed25519), no network, and
nothing of the gateway: it was written from the formats alone, as a second opinion on the
gateway's own verification. Read it from top to bottom: one chapter for each question.

1. Entries: is every line an entry, written the one way in which entries are written?
2. Chains: does every node's chain go through the log without a gap?
3. Tree: do the lines have the root that was signed, at every size that was signed?
4. Notes: who signed?
5. Completeness: is every application accepted once, ended once, opened only when claimed?
6. Receipts and proofs: is what I was given in this log?

Exits with 0 when nothing is wrong, 1 when something is, 2 when it cannot be read, or when
only a receipt's signature could not be verified: such a receipt says nothing of the log.

**Give the keys yourself.** With ``--key`` the log must be signed by a key that you have from
somewhere else (a contract, a publication, an earlier export). Without, the keys in the
export are used, and an answer of "ok" means no more than that the export is whole in itself:
who forges an export can forge the keys in it. In the same way a rewritten log is seen by a
checkpoint (``--checkpoint``) or receipt (``--receipt``) that you kept.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


class Findings:
    """What is wrong (``bad``) and what is worth knowing (``notes``)."""

    MOST = 1000  # kept; further ones are only counted

    def __init__(self) -> None:
        self.bad: list[tuple[int | None, str]] = []
        self.count = 0
        self.notes: list[str] = []

    def add(self, index: int | None, words: str) -> None:
        self.count += 1
        if len(self.bad) < self.MOST:
            self.bad.append((index, words))

    def first(self) -> int | None:
        """Return the first bad index."""
        return min((index for index, _ in self.bad if index is not None), default=None)


class UnreadableError(Exception):
    """What was asked about cannot be read; nothing is said about its truth."""


# 1. Entries
#
# An entry is one compact JSON object in UTF-8: members sorted by name, no spaces, only what must
# be escaped is escaped (the short way, where there is one), integers within ±(2^53 - 1). So
# there is exactly one way to write it, and one regular expression describes it whole, but for
# three things that are looked at by themselves: facts sorted, large integers, the calendar.

MAX_ENTRY_BYTES = 65_535
MAX_INTEGER = 2**53 - 1
HEX64 = "[0-9a-f]{64}"
UUID = "[0-9a-f]{8}+-[0-9a-f]{4}+-[0-9a-f]{4}+-[0-9a-f]{4}+-[0-9a-f]{12}+"
PLAIN = r'[^"\\\x00-\x1f]*+'
STRING = rf'"{PLAIN}(?:\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f])){PLAIN})*+"'
VALUE = rf"(?:{STRING}|0|-?[1-9][0-9]{{0,15}}+|true|false|null)"
FACT = rf'"[a-z][a-z0-9_]*+":{VALUE}'
ACTION = r"[a-z_]++\.[a-z_]++"
FACTS = rf"(?:{FACT}(?:,{FACT})*+)?+"
BEGINNING = (
    rf'\{{"action":"({ACTION})",'
    rf'"actor":\{{"kind":{STRING},"name":{STRING}\}},'
    rf'(?:"application":"({UUID})",)?+'
    r'"at":"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z)",'
    rf'(?:"delivery":"({UUID})",)?+'
    r'(?:"detail":"([A-Za-z0-9_-]++)",)?+'
    r'"facts":\{('
)
END = (
    r")\},"
    r'(?:"municipality":"[0-9]{6}",)?+'
    r'"node":"([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?+)",'
    rf'"nprev":"({HEX64})",'
    r'"nseq":([1-9][0-9]*+),'
    rf'(?:"subject":"({HEX64})",)?+'
    r'"v":([12])\}'
)
# Looked at by ``is_hexadecimal``, which is quicker.
ANY_NPREV = END.replace(f'"nprev":"({HEX64})"', '"nprev":"([!-~]{64})"')
ANY_ENTRY = re.compile(BEGINNING + FACTS + END).fullmatch
# Inside strings quotes are escaped, so that these match at the names of facts and nowhere else.
FACT_NAMES = re.compile(r'"([a-z][a-z0-9_]*+)":').findall
LONG_INTEGERS = re.compile(r'[a-z0-9_]":-?([0-9]{16})(?=,|$)').findall
EMPTY = hashlib.sha256(b"").hexdigest()


class NotAnEntryError(ValueError):
    """In words."""


def parse_entry(line: bytes) -> tuple[str, ...]:
    """Return the parts that the expression names; what an entry does not have is ``None``."""
    if len(line) > MAX_ENTRY_BYTES:
        raise NotAnEntryError("it is longer than an entry may be")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        raise NotAnEntryError("it is not UTF-8") from None
    for shape in SHAPES.get(text[11 : text.find('"', 11)], ()):  # behind {"action":"
        if match := shape(text):
            break
    else:
        match = new_shape(text)
    parts = match.groups()
    if not is_hexadecimal(parts[7]):
        raise NotAnEntryError("it is not written as an entry is written")
    if parts[10] == "1" and (parts[4] or parts[9]):
        raise NotAnEntryError("entries of version 1 have neither detail nor subject")
    try:
        datetime.fromisoformat(parts[2])
    except ValueError:
        raise NotAnEntryError("its time is none") from None
    return parts


# Entries are much alike. Of one that is well a "shape" is kept: the expression above with its
# action and the names of its facts, and for each value the kind that it was of. Whatever fits
# a shape fits the whole expression; to compare with shapes first is quicker, that is all. What
# has escapes, other characters or long integers has no shape.

MOST_SHAPES = 500
SHAPES: dict[str, list[Callable[[str], re.Match[str] | None]]] = {}
NAMED_VALUES = re.compile(rf'("[a-z][a-z0-9_]*+":)({VALUE})').sub
PLAIN_ASCII = r"[ !#-\[\]-\x7f]*+"  # no quote, no backslash, no control character


def new_shape(text: str) -> re.Match[str]:
    """Compare with the whole expression, and keep the shape of what fits."""
    match = ANY_ENTRY(text)
    if match is None:
        raise NotAnEntryError("it is not written as an entry is written")
    action, facts = match[1], match[6]
    if any(int(digits) > MAX_INTEGER for digits in LONG_INTEGERS(facts)):
        raise NotAnEntryError("a number is out of range")
    if (names := FACT_NAMES(facts)) != sorted(set(names)):
        raise NotAnEntryError("its facts are not sorted, or one stands twice")
    is_plain = text.isascii() and "\\" not in text and not LONG_INTEGERS(facts)
    if is_plain and sum(map(len, SHAPES.values())) < MOST_SHAPES:
        shape = BEGINNING.replace(ACTION, re.escape(action)).replace(STRING, f'"{PLAIN_ASCII}"')
        shape += NAMED_VALUES(lambda found: found[1] + kind_of(found[2]), facts)
        shape += ANY_NPREV
        SHAPES.setdefault(action, []).append(re.compile(shape).fullmatch)
    return match


def is_hexadecimal(text: str) -> bool:
    try:
        return bytes.fromhex(text).hex() == text
    except ValueError:
        return False


def kind_of(value: str) -> str:
    if value.startswith('"'):
        return f'"{PLAIN_ASCII}"'
    return value if value in ("true", "false", "null") else "(?:0|-?[1-9][0-9]{0,14}+)"


# 2. Chains
#
# Every node numbers its entries (nseq, from 1) and writes into each the leaf hash of its entry
# before (nprev). The first has the hash of nothing.


class Chains:
    """How far every node's chain has come."""

    BACK = timedelta(seconds=60)  # steps that share a commit stand a little out of order

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.ends: dict[str, tuple[int, str, str]] = {}  # number, leaf hash, latest time
        self.lost: dict[str, int] = {}  # how many entries did not come, or may have been altered
        self.set_back = 0

    def extend(self, index: int, parts: tuple[str, ...], leaf: str) -> None:
        """Take the next entry; behind a break the chain goes on from what stands there."""
        at, node, nprev, nseq = parts[2], parts[6], parts[7], int(parts[8])
        last, last_leaf, latest = self.ends.get(node, (0, EMPTY, ""))
        words = ""
        if nseq != last + 1:
            words = f"out of sequence: entry {last + 1} of {node} should stand here"
            self.lost[node] = self.lost.get(node, 0) + nseq - last - 1
        elif nprev != last_leaf:
            words = f"the chain of {node} is broken: this entry or its one before was altered"
            self.lost[node] = self.lost.get(node, 0) + 1
        if words:
            self.findings.add(index, words)
        elif at < latest:
            self._compare_times(index, node, at, latest)
        self.ends[node] = (nseq, leaf, latest if words else max(at, latest))

    def _compare_times(self, index: int, node: str, at: str, latest: str) -> None:
        is_far = at[:16] != latest[:16]  # else within a minute
        if is_far and datetime.fromisoformat(latest) - datetime.fromisoformat(at) > self.BACK:
            self.set_back += 1
            if self.set_back == 1:
                self.findings.notes.append(f"entry {index}: the clock of {node} had gone back")


# 3. Tree
#
# RFC 6962, 2.1: a leaf is SHA-256(00 || entry), a node SHA-256(01 || left || right), and the left
# half of a tree is the largest power of two that is less than its size. C2SP tlog-tiles cuts
# it into rows of 256 hashes: level 0 has the leaves, a row of level n has the roots of 256
# full rows of level n - 1.

WIDTH, HASH, KEY = 256, 32, 33  # a key: its type and Ed25519's 32 bytes


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_hash(hashes: list[bytes]) -> bytes:
    """Return the root over hashes of equal subtrees; the last one may be smaller."""
    if len(hashes) == 1:
        return hashes[0]
    half = 1 << ((len(hashes) - 1).bit_length() - 1)
    return node_hash(tree_hash(hashes[:half]), tree_hash(hashes[half:]))


def full_row_hash(row: list[bytes]) -> bytes:
    """Return what ``tree_hash`` does for 256 hashes, sooner."""
    sha256 = hashlib.sha256
    while len(row) > 1:
        row = [sha256(b"\x01" + a + b).digest() for a, b in zip(row[::2], row[1::2], strict=True)]
    return row[0]


class Tree:
    """The tree as it grows, and the tiles of the export beside it."""

    def __init__(self, folder: Path, findings: Findings) -> None:
        self.folder, self.findings = folder, findings
        self.rows: list[list[bytes]] = [[]]
        self.size = 0
        self.bad_tiles: set[tuple[int, int]] = set()

    def append(self, leaf: bytes) -> int:
        """Add a leaf; return the new size."""
        self.rows[0].append(leaf)
        self.size += 1
        if len(self.rows[0]) == WIDTH:
            self.fold()
        return self.size

    def fold(self) -> None:
        """Turn full rows into one hash a level above."""
        level = 0
        while len(self.rows[level]) == WIDTH:
            row, self.rows[level] = self.rows[level], []
            self.compare_tile(level, (self.size >> (8 * level)) // WIDTH - 1, row)
            if level + 1 == len(self.rows):
                self.rows.append([])
            self.rows[level + 1].append(full_row_hash(row))
            level += 1

    def finish(self) -> None:
        """Compare the rows that did not become full."""
        for level, row in enumerate(self.rows):
            if row:
                self.compare_tile(level, (self.size >> (8 * level)) // WIDTH, row)

    def root(self) -> bytes:
        carried: list[bytes] = []
        for row in self.rows:
            if row or carried:
                carried = [tree_hash(row + carried)]
        return carried[0] if carried else hashlib.sha256(b"").digest()

    def compare_tile(self, level: int, position: int, row: list[bytes]) -> None:
        """Compare with the stored tile: it has what the hashes were when they were sealed."""
        spread = WIDTH**level
        first = position * WIDTH * spread
        name = f"{position % 1000:03d}"
        rest = position // 1000
        while rest:
            name, rest = f"x{rest % 1000:03d}/{name}", rest // 1000
        full = self.folder / "tile" / str(level) / name
        partial = full.parent / f"{full.name}.p"
        there = [partial / str(len(row)), full]
        # Of a log that was cut off the tile is longer than what is left.
        there += sorted(partial.glob("*"), key=lambda file: file.name.zfill(3), reverse=True)
        stored = next((file.read_bytes() for file in there if file.is_file()), None)
        if stored is None:
            self.findings.add(first, f"tile {level}/{position} of the tree is missing")
            return
        for place, expected in enumerate(row):
            if stored[place * HASH : place * HASH + HASH] == expected:
                continue
            self.bad_tiles.add((level, position))
            # A hash over a tile that differs has to differ, too.
            if (level - 1, position * WIDTH + place) not in self.bad_tiles:
                what = "the entry is" if level == 0 else "the tree's hashes are"
                words = f"{what} not what was sealed: the tree has another hash here"
                self.findings.add(first + place * spread, words)
                return


def root_from_path(index: int, size: int, leaf: bytes, path: list[bytes]) -> bytes:
    """Return the root that an inclusion path leads to (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise ValueError("the log has no entry of this index")
    place, last, root = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if place % 2 == 1 or place == last:
            root = node_hash(sibling, root)
            while place % 2 == 0 and place:
                place, last = place // 2, last // 2
        else:
            root = node_hash(root, sibling)
        place, last = place // 2, last // 2
    if last:
        raise ValueError("the path is too short")
    return root


# 4. Notes
#
# A checkpoint is a signed note (C2SP signed-note, tlog-checkpoint): the log's origin, a size and a
# root in three lines, an empty line, and signature lines "— NAME BASE64(key id, signature)". A
# verifier key is "NAME+ID+BASE64(01, public key)"; the id is SHA-256(NAME, 0A, 01, key)[:4].


class Key:
    """An Ed25519 key that signs notes."""

    def __init__(self, vkey: str) -> None:
        self.name, _, rest = vkey.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        described = from_base64(encoded)
        if described[:1] != b"\x01" or len(described) != KEY:
            raise ValueError("not a verifier key for Ed25519")
        self.id = hashlib.sha256(self.name.encode() + b"\n" + described).digest()[:4]
        if not self.name or key_id != self.id.hex():
            raise ValueError("not a verifier key: its id is not its own")
        self.public = Ed25519PublicKey.from_public_bytes(described[1:])


class Checkpoint:
    """What a log commits to at one size."""

    def __init__(self, name: str, note: bytes, keys: list[Key]) -> None:
        """Read a note; raises ``UnknownSignerError`` or another ``ValueError``, in words."""
        self.name = name
        text, separator, block = note.decode().rpartition("\n\n")
        if not separator or not block.endswith("\n"):
            raise ValueError("not a signed note")
        text += "\n"
        origin, size, root, *_ = [*text.split("\n"), "", ""]
        if not origin or re.fullmatch("0|[1-9][0-9]{0,18}", size) is None:
            raise ValueError("not a checkpoint")
        self.origin, self.size, self.root = origin, int(size), from_base64(root)
        if len(self.root) != HASH:
            raise ValueError("not a checkpoint")
        self.rank = -1  # of the youngest key that signed; they are given oldest first
        for line in block[:-1].split("\n"):
            name, _, encoded = line.removeprefix("\u2014 ").partition(" ")
            if not line.startswith("\u2014 "):
                raise ValueError("a signature line is malformed")
            data = from_base64(encoded)
            for key in keys:
                # A key speaks for the log of its name only.
                if (key.name, key.id) == (name, data[:4]) and name == origin:
                    check_signature(key.public, data[4:], text.encode())
                    self.rank = max(self.rank, keys.index(key))
        if self.rank < 0:
            raise UnknownSignerError("not signed by a key that is believed")


class UnknownSignerError(ValueError):
    """Whoever signed is not known; the note may be good all the same."""


def check_signature(key: Ed25519PublicKey, signature: bytes, message: bytes) -> None:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise ValueError("a signature does not verify") from None


def from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise ValueError("not base64 as it is written")
    return data


# 5. Completeness
#
# What is looked for says ``Completeness``. Entries of one node stand in the order in which they
# happened; those of two nodes may stand the other way round, by as long as sealing takes. So
# what another node wrote counts wherever it stands, and what is missing is a finding
# only if the log goes on for ten minutes after it.


class Completeness:
    """Applications are accepted once, end once, and are opened only when claimed."""

    SETTLED = timedelta(minutes=10)
    OPENED = ("delivery.delivered", "delivery.deferred", "delivery.parked", "delivery.in_doubt")
    ENDS = ("delivery.delivered", "delivery.confirmed", "delivery.cancelled")
    DELIVERIES = re.compile(r'"deliveries":"([^"]*)"').search
    ATTEMPT = re.compile(r'"attempt":([0-9]+),(?:.*,)??"copy":"([^"]*)"').search

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.accepted: dict[str, bool] = {}  # application: whether its deliveries are named
        self.deliveries: dict[str, tuple[str, ...]] = {}  # how they ended
        self.claims: set[tuple[str, str, str]] = set()
        self.waiting: dict[object, tuple[int, str, str, str]] = {}  # index, node, time, words
        self.unnamed: dict[str, tuple[str, int]] = {}
        self.latest = ""

    def take(self, index: int, parts: tuple[str, ...]) -> None:
        """Take the next entry that names an application."""
        action, application, at, delivery, _, facts, node, _, _, _, _ = parts
        if action == "application.accepted":
            self._accept(index, application, facts, node)
            return
        if application not in self.accepted and action != "log.read":
            words = "it is about an application that was never accepted"
            self.waiting.setdefault(application, (index, node, at, words))
        if not delivery:
            return
        if delivery not in self.deliveries:
            self.deliveries[delivery] = ()
            self.unnamed[delivery] = (application, index)
        if action == "delivery.claimed":
            self._claim(delivery, facts, node)
        elif action in self.OPENED and '"outcome":"' in facts:
            self._open(index, delivery, facts, node, at)
        if action in self.ENDS:
            self._end(index, action, delivery, facts, at)

    def _accept(self, index: int, application: str, facts: str, node: str) -> None:
        if application in self.accepted:
            self.findings.add(index, "an application that was accepted is accepted again")
            return
        found = self.waiting.pop(application, None) if self.waiting else None
        if found and found[1] == node:
            self.findings.add(found[0], "it is about an application that is accepted afterwards")
        named = self.DELIVERIES(facts)
        self.accepted[application] = named is not None
        for delivery in named[1].split(" ") if named else ():
            if delivery not in self.deliveries:
                self.deliveries[delivery] = ()
            elif self.unnamed.pop(delivery, None) is None:
                self.findings.add(index, "it names a delivery that another acceptance has named")

    def _claim(self, delivery: str, facts: str, node: str) -> None:
        if attempt := self.ATTEMPT(facts):
            claim = (delivery, attempt[1], attempt[2])
            self.claims.add(claim)
            found = self.waiting.pop(claim, None) if self.waiting else None
            if found and found[1] == node:
                self.findings.add(found[0], "a worker's outcome that is claimed afterwards")

    def _open(self, index: int, delivery: str, facts: str, node: str, at: str) -> None:
        if (attempt := self.ATTEMPT(facts)) is None:
            self.findings.add(index, "a worker's outcome that does not say of what")
            return
        claim = (delivery, attempt[1], attempt[2])
        if claim not in self.claims:
            words = "a worker's outcome without a claim: it opened what it had not claimed"
            self.waiting.setdefault(claim, (index, node, at, words))

    def _end(self, index: int, action: str, delivery: str, facts: str, at: str) -> None:
        if action == "delivery.delivered" and '"flagged":true' in facts:
            action = "flagged"  # what happened wins over a cancellation, and says so
        ends = (*self.deliveries[delivery], action)
        if len(ends) > 1 and sorted(ends) != ["delivery.cancelled", "flagged"]:
            self.findings.add(index, "a delivery that had ended ends a second time")
            return
        self.deliveries[delivery] = ends
        if ends == ("flagged",):
            words = "delivered in spite of a cancellation that is not in the log"
            self.waiting[delivery] = (index, "", at, words)
        elif self.waiting:
            self.waiting.pop(delivery, None)

    def finish(self, latest: str, *, lost: int) -> None:
        """Say what is missing; as much as is lost may be among that, and is a note."""
        unsettled, missing = 0, []
        for index, _, at, words in self.waiting.values():
            if datetime.fromisoformat(latest) - datetime.fromisoformat(at) > self.SETTLED:
                missing.append((index, words))
            else:
                unsettled += 1
        for index, words in missing:
            if len(missing) > lost:
                self.findings.add(index, words)
            else:
                self.findings.notes.append(f"entry {index}: {words}, or what is lost had it")
        if unsettled:
            words = f"{unsettled} entries are too young to say whether what they need is there"
            self.findings.notes.append(words)
        for application, index in self.unnamed.values():
            if self.accepted.get(application):
                self.findings.add(index, "it is about a delivery that no acceptance names")


# 6. Receipts and proofs
#
# A receipt is a compact JWS (RFC 7515) with Ed25519: its payload has the application's id and
# the leaf hash of its acceptance. A proof (C2SP tlog-proof) is an index, the inclusion path and
# the checkpoint that the path leads to.


class Receipt:
    """What was promised when an application was accepted."""

    def __init__(self, text: str, jwks: list[dict[str, str]]) -> None:
        """Read a receipt, as it is or in the JSON of the answer that it came in."""
        text = text.strip()
        if text.startswith("{"):
            text = str(json.loads(text)["receipt"])
        header, payload, signature = text.split(".")
        claims = json.loads(from_base64url(payload))
        self.application = str(claims["application"])
        self.leaf = bytes.fromhex(claims["leaf"])
        kid = json.loads(from_base64url(header))["kid"]
        self.flaw = "signature not checked: by a key that is not here"
        for jwk in jwks:
            if jwk.get("kid", thumbprint(jwk)) == kid:
                public = Ed25519PublicKey.from_public_bytes(from_base64url(jwk["x"]))
                message = f"{header}.{payload}".encode()
                try:
                    check_signature(public, from_base64url(signature), message)
                    self.flaw = ""
                except ValueError as error:
                    self.flaw = str(error)


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the name of a key (RFC 7638)."""
    members = {name: jwk[name] for name in ("crv", "kty", "x")}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def verify_proof(proof: bytes, entry: bytes, keys: list[Key]) -> tuple[int, Checkpoint]:
    """Return where the entry is proven to be; raises ``ValueError``, in words."""
    head, _, note = proof.partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    if first != "c2sp.org/tlog-proof@v1":
        raise ValueError("not a proof of version 1")
    if lines and lines[0].startswith("extra "):
        lines.pop(0)  # anybody may have written it: it is signed by nobody
    if not lines or re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[0]) is None:
        raise ValueError("the index is missing")
    index = int(lines.pop(0).removeprefix("index "))
    path = [from_base64(line) for line in lines]
    if any(len(each) != HASH for each in path):
        raise ValueError("a hash is not 32 bytes long")
    checkpoint = Checkpoint("the proof's checkpoint", note, keys)
    if root_from_path(index, checkpoint.size, leaf_hash(entry), path) != checkpoint.root:
        raise ValueError("the path does not lead from the entry to the signed root")
    return index, checkpoint


# An export is a directory: entries/FIRST.jsonl (FIRST: index of the first line), tile/, checkpoint,
# checkpoints/ (one of every hour), keys.txt (verifier keys), receipt-keys.json (a JWKS).


def read_lines(folder: Path) -> Iterator[bytes]:
    """Yield the entries' bytes by index."""
    files = [file for file in (folder / "entries").glob("*.jsonl") if file.stem.isdigit()]
    count = 0
    for file in sorted(files, key=lambda file: int(file.stem)):
        if int(file.stem) != count:
            raise UnreadableError(f"{file.name} should begin with entry {count}")
        with file.open("rb") as lines:
            for line in lines:
                yield line.removesuffix(b"\n")
                count += 1


class Export:
    """One export, verified in one pass over its entries."""

    def __init__(self, folder: Path, keys: list[Key]) -> None:
        self.folder, self.keys = folder, keys
        self.findings = Findings()
        self.checkpoints: list[Checkpoint] = []
        self.receipts: dict[str, bytes] = {}
        self.latest: Checkpoint | None = None
        self.waiting: list[Checkpoint] = []  # those of larger sizes than what was read
        self.matched: list[Checkpoint] = []
        self.misfits: list[Checkpoint] = []
        self.entries = 0

    def add_checkpoint(self, name: str, note: bytes, *, is_kept: bool = False) -> Checkpoint | None:
        """Compare with a checkpoint; one of the hours may be signed by a key nobody gave us."""
        try:
            found = Checkpoint(name, note, self.keys)
        except UnknownSignerError as error:
            if is_kept:
                self.findings.notes.append(f"{name} is not believed: {error}")
            else:
                self.findings.add(None, f"{name}: {error}")
        except ValueError as error:
            self.findings.add(None, f"{name}: {error}")
        else:
            self.checkpoints.append(found)
            return found
        return None

    def add_checkpoints(self) -> None:
        """Read those of the export."""
        for file in sorted(self.folder.glob("checkpoints/*")):
            self.add_checkpoint(f"checkpoints/{file.name}", file.read_bytes(), is_kept=True)
        self.latest = self.add_checkpoint("checkpoint", (self.folder / "checkpoint").read_bytes())

    def verify(self) -> Findings:
        """Read all entries once."""
        findings = self.findings
        if len({each.origin for each in self.checkpoints}) > 1:
            findings.add(None, "the checkpoints are of different logs")
        chains, tree = Chains(findings), Tree(self.folder, findings)
        completeness = Completeness(findings)
        self.waiting = sorted(self.checkpoints, key=lambda each: -each.size)
        self.compare_signers()
        next_size, unread = self.compare_roots(tree), 0
        for index, line in enumerate(read_lines(self.folder)):
            leaf = leaf_hash(line)
            if tree.append(leaf) == next_size:
                next_size = self.compare_roots(tree)
            try:
                parts = parse_entry(line)
            except NotAnEntryError as error:
                findings.add(index, f"not an entry: {error}")
                unread += 1
                continue
            chains.extend(index, parts, leaf.hex())
            if parts[1]:
                completeness.take(index, parts)
                if parts[0] == "application.accepted":
                    self.compare_receipt(index, parts[1], leaf)
        tree.finish()
        self.entries = tree.size
        for each in reversed(self.waiting):
            findings.add(tree.size, f"cut off: {each.name} stands for {each.size} entries")
        self.explain_misfits()
        covered = max((each.size for each in self.checkpoints), default=0)
        if self.checkpoints and covered < tree.size:
            findings.add(covered, "nobody signed the entries from here on")
        for application in self.receipts:
            findings.add(None, f"the acceptance of {application} is missing: there is a receipt")
        latest = max((at for _, _, at in chains.ends.values()), default="")
        completeness.finish(latest, lost=unread + sum(max(0, n) for n in chains.lost.values()))
        return findings

    def compare_signers(self) -> None:
        """Once a younger key has signed, no older one signs more entries."""
        rank = before = size = 0
        for each in reversed(self.waiting):
            before, size = (rank, each.size) if each.size > size else (before, size)
            if each.rank < before:
                self.findings.add(None, f"{each.name}: signed by a key that had been replaced")
            rank = max(rank, each.rank)

    def compare_roots(self, tree: Tree) -> int:
        """Compare the checkpoints of the tree's size; return the size of the next one."""
        while self.waiting and self.waiting[-1].size == tree.size:
            checkpoint = self.waiting.pop()
            (self.matched if checkpoint.root == tree.root() else self.misfits).append(checkpoint)
        return self.waiting[-1].size if self.waiting else -1

    def compare_receipt(self, index: int, application: str, leaf: bytes) -> None:
        if self.receipts.pop(application, leaf) != leaf:
            self.findings.add(index, "not the acceptance that the receipt was given for")

    def explain_misfits(self) -> None:
        """Say as closely as possible where entries are not what a checkpoint stands for."""
        good = [each.size for each in self.matched]
        for checkpoint in self.misfits:
            size = checkpoint.size
            words = f"{checkpoint.name} stands for {size} entries with another root"
            if any(each >= size for each in good):
                words += ": there are two logs, and this is not the one that it was signed for"
            elif all(index is None or index >= size for index, _ in self.findings.bad):
                words += f": entries were written anew at index {max(good, default=0)} or behind it"
            self.findings.add(None, words)


def main() -> int:
    if sys.argv[1:2] == ["proof"]:
        return main_proof(sys.argv[2:])
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("export", type=Path, help="the export's directory")
    parser.add_argument("--key", action="append", default=[], help="one you trust; oldest first")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    parser.add_argument("--receipt", type=Path, action="append", default=[])
    parser.add_argument("--receipt-keys", type=Path, help="JWKS of who signs receipts")
    options = parser.parse_args()
    folder: Path = options.export
    unchecked = 0
    try:
        there = [] if options.key else (folder / "keys.txt").read_text("utf-8").splitlines()
        keys = [Key(key) for key in options.key or there]
        export = Export(folder, keys)
        export.add_checkpoints()
        for file in options.checkpoint:
            export.add_checkpoint(str(file), file.read_bytes())
        jwks_file: Path = options.receipt_keys or folder / "receipt-keys.json"
        jwks = json.loads(jwks_file.read_bytes())["keys"] if options.receipt else []
        for file in options.receipt:
            receipt = Receipt(file.read_text(encoding="utf-8"), jwks)
            if receipt.flaw:  # anybody may have written it: it says nothing of the log
                export.findings.notes.append(f"{file}: {receipt.flaw}; not compared")
                unchecked += 1
            else:
                export.receipts[receipt.application] = receipt.leaf
        findings = export.verify()
    except (OSError, ValueError, KeyError, UnreadableError) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    for index, words in sorted(findings.bad, key=lambda each: (each[0] is None, each[0] or 0)):
        print(f"entry {index}: {words}" if index is not None else words)
    for words in findings.notes:
        print(f"note: {words}")
    whose = "keys that you gave" if options.key else "keys found in the export itself"
    if findings.count:
        where = "" if (first := findings.first()) is None else f"; the first bad index is {first}"
        print(f"NOT what was written: {findings.count} findings{where}. Verified with {whose}.")
        return 1
    origin = f" of {export.latest.origin}" if export.latest else ""
    print(f"ok: {export.entries} entries{origin} are what was written, and whole;")
    print(f"{len(export.matched)} checkpoints agree. Verified with {whose}.")
    if not options.key:
        print("So it is whole in itself. Who signed it is not shown: give --key for that.")
    return 2 if unchecked else 0


def main_proof(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="verify.py proof")
    parser.add_argument("proof", type=Path)
    parser.add_argument("--entry", type=Path, required=True, help="file with the entry's bytes")
    parser.add_argument("--key", action="append", required=True, help="a verifier key")
    options = parser.parse_args(arguments)
    try:
        keys = [Key(key) for key in options.key]
        proof, entry = options.proof.read_bytes(), options.entry.read_bytes()
    except (OSError, ValueError) as error:
        print(f"cannot be verified: {error}", file=sys.stderr)
        return 2
    # An entry is one line and has no newline of its own; editors and shells add one.
    entry = entry.removesuffix(b"\n")
    try:
        index, checkpoint = verify_proof(proof, entry, keys)
        parts = parse_entry(entry)
    except ValueError as error:
        print(f"NOT proven: {error}")
        return 1
    print(f"ok: {parts[0]} of {parts[2]} is entry {index} of {checkpoint.origin},")
    print(f"signed at {checkpoint.size} entries.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
