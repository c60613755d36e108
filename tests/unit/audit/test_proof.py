"""A proof file is C2SP's, byte for byte, small, and proves one entry."""

import base64
import dataclasses

import pytest

from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import sign
from gateway.audit.proof import MAX_PROOF_BYTES, Proof, parse, verify
from gateway.audit.tiles import grow, inclusion_path
from gateway.audit.tree import inclusion_subtrees, leaf_hash
from gateway.testing.notes import NoteSigner
from gateway.testing.notes import verify as verify_signature

LOG = NoteSigner("kakehashi.example-city.lg.jp/audit")
ENTRIES = [b'{"n":%d}' % number for number in range(300)]
GROWN = grow(0, {}, [leaf_hash(entry) for entry in ENTRIES])
CHECKPOINT = Checkpoint(LOG.name, GROWN.size, GROWN.root)
NOTE = sign(CHECKPOINT.text(), LOG.name, LOG.key.public, LOG.sign)


def proof_of(index: int) -> Proof:
    return Proof(index, inclusion_path(index, GROWN.size, GROWN.tiles), NOTE)


def test_a_proof_has_the_bytes_of_the_specification() -> None:
    proof = dataclasses.replace(proof_of(7), extra=b"anything")
    lines = [base64.b64encode(each) for each in proof.path]

    assert proof.encode() == (
        b"c2sp.org/tlog-proof@v1\nextra YW55dGhpbmc=\nindex 7\n"
        + b"".join(line + b"\n" for line in lines)
        + b"\n"
        + NOTE
    )


@pytest.mark.parametrize(
    "proof",
    [
        proof_of(0),
        proof_of(299),
        dataclasses.replace(proof_of(1), extra=b"\x00"),
        Proof(0, (), NOTE),
    ],
)
def test_a_proof_reads_as_it_was_written(proof: Proof) -> None:
    assert parse(proof.encode()) == proof


@pytest.mark.parametrize("index", [0, 255, 256, 299])
def test_an_entry_is_proven_by_its_file_alone(index: int) -> None:
    proof = parse(proof_of(index).encode())

    assert verify(proof, ENTRIES[index], [LOG.key], verify_signature) == CHECKPOINT


def test_another_entry_place_or_key_is_not_proven() -> None:
    proof = proof_of(7)
    moved = dataclasses.replace(proof, index=8)
    beyond = dataclasses.replace(proof, index=300)

    for wrong, entry in ((proof, ENTRIES[8]), (moved, ENTRIES[7]), (beyond, ENTRIES[7])):
        with pytest.raises(ValueError, match=r"does not lead|no such entry"):
            verify(wrong, entry, [LOG.key], verify_signature)
    with pytest.raises(ValueError, match="not signed"):
        verify(proof, ENTRIES[7], [NoteSigner(LOG.name, "another").key], verify_signature)


def test_any_changed_bit_before_the_checkpoint_is_refused() -> None:
    proof = proof_of(299).encode()

    for place in range((len(proof) - len(NOTE)) * 8):
        changed = bytearray(proof)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            verify(parse(bytes(changed)), ENTRIES[299], [LOG.key], verify_signature)


def test_a_proof_at_a_million_entries_is_at_most_1200_bytes() -> None:
    size = 1_000_000
    text = Checkpoint(LOG.name, size, GROWN.root).text()
    note = sign(text, LOG.name, LOG.key.public, LOG.sign)
    hashes = len(inclusion_subtrees(500_000, size))

    assert len(Proof(500_000, (GROWN.root,) * hashes, note).encode()) <= 1200


HASH = base64.b64encode(GROWN.root).decode()


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1 \nindex 0",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex 00",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex 9223372036854775808",
        "c2sp.org/tlog-proof@v1\nindex 0 ",
        "c2sp.org/tlog-proof@v1\nextra \nindex 0",
        "c2sp.org/tlog-proof@v1\nextra AAB=\nindex 0",
        "c2sp.org/tlog-proof@v1\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nindex 0\nindex 0",
        f"c2sp.org/tlog-proof@v1\n{HASH}\nindex 0",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH[4:]}",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{HASH} ",
        f"c2sp.org/tlog-proof@v1\r\nindex 0\r\n{HASH}",
        "c2sp.org/tlog-proof@v1\nindex 0\nあ",
        "c2sp.org/tlog-proof@v1\nindex 0" + f"\n{HASH}" * 64,
    ],
)
def test_what_is_no_proof_is_refused_in_words(head: str) -> None:
    with pytest.raises(ValueError, match=r"^[A-Za-z0-9 ]+$"):
        parse(f"{head}\n\n".encode() + NOTE)


def test_a_proof_needs_a_checkpoint() -> None:
    with pytest.raises(ValueError, match="not a proof"):
        parse(b"c2sp.org/tlog-proof@v1\nindex 0\n")
    with pytest.raises(ValueError, match="not a signed note"):
        parse(b"c2sp.org/tlog-proof@v1\nindex 0\n\n")


def test_a_proof_has_a_limit() -> None:
    with pytest.raises(ValueError, match="longer than a proof may be"):
        dataclasses.replace(proof_of(0), extra=bytes(MAX_PROOF_BYTES)).encode()
    with pytest.raises(ValueError, match="longer than a proof may be"):
        parse(bytes(MAX_PROOF_BYTES + 1))


def test_what_cannot_be_written_is_no_proof() -> None:
    for index, path in ((-1, ()), (0, (b"",)), (0, (GROWN.root,) * 64)):
        with pytest.raises(ValueError, match=r"\w+ \w+"):
            Proof(index, path, NOTE)
