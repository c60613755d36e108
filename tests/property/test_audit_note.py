"""Whatever arrives as a note, checkpoint or proof is read as written or refused in words."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from gateway.audit import checkpoint as checkpoints
from gateway.audit import note as notes
from gateway.audit import proof as proofs
from gateway.audit.checkpoint import Checkpoint
from gateway.audit.note import Note, NoteKey, Signature
from gateway.audit.proof import Proof
from gateway.audit.tree import MAX_SIZE
from gateway.testing.notes import NoteSigner, verify

LOG = NoteSigner("audit.example.lg.jp/log")
SIGNED = notes.sign(Checkpoint(LOG.name, 3, bytes(32)).text(), LOG.name, LOG.key.public, LOG.sign)
PROOF = Proof(1, (bytes(32), b"\xff" * 32), SIGNED, b"extra").encode()

hashes = st.binary(min_size=32, max_size=32)
characters = st.characters(exclude_categories=["Cs"])
printable = st.characters(exclude_categories=["Cs"], min_codepoint=0x20)
names = st.text(printable, min_size=1, max_size=20).filter(
    lambda name: "+" not in name and not any(each.isspace() for each in name)
)
lines = st.text(printable, min_size=1, max_size=20)
texts = st.lists(st.text(printable, max_size=20), min_size=1, max_size=5).map(
    lambda all_lines: "".join(f"{line}\n" for line in all_lines)
)
signatures = st.builds(
    Signature, names, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80)
)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Good bytes, a piece of which is replaced."""
    start = draw(st.integers(0, len(whole)))
    end = draw(st.integers(start, min(len(whole), start + 40)))
    piece = draw(
        st.binary(max_size=10)
        | st.text(characters, max_size=10).map(str.encode)
        | st.sampled_from([b"\n", b"\n\n", "— ".encode(), b"index 0\n", b"extra AAAA\n", b"0"])
    )
    return whole[:start] + piece + whole[end:]


def refused(attempt: Callable[[], object]) -> bool:
    """Say whether this is refused, as it must be: by ValueError and nothing else."""
    try:
        attempt()
    except ValueError as error:
        # A decoder's own error would hold what it could not decode.
        return type(error) is ValueError and bool(str(error))
    return False


@given(texts, st.lists(signatures, min_size=1, max_size=5))
def test_a_note_reads_as_it_was_written(text: str, signed: list[Signature]) -> None:
    note = Note(text, tuple(signed))

    assert notes.parse(note.encode()) == note


@given(texts, names, st.text(max_size=10))
def test_a_signed_text_opens_for_its_key_only(text: str, name: str, word: str) -> None:
    signer, other = NoteSigner(name, word), NoteSigner(name, f"not {word}")
    note = notes.sign(text, name, signer.key.public, signer.sign)

    assert notes.open_note(note, [other.key, signer.key], verify).by == (signer.key,)
    assert notes.parse_vkey(signer.key.vkey()) == signer.key
    assert refused(lambda: notes.open_note(note, [other.key], verify))


@given(st.binary(max_size=200) | damaged(SIGNED))
def test_a_hostile_note_is_read_as_written_or_refused(data: bytes) -> None:
    if not refused(lambda: notes.parse(data)):
        assert notes.parse(data).encode() == data
    if not refused(lambda: checkpoints.open_checkpoint(data, [LOG.key], verify)):
        # Signature lines may come and go; what is signed may not change.
        assert notes.parse(data).text == notes.parse(SIGNED).text


@given(st.builds(Checkpoint, lines, st.integers(1, MAX_SIZE), hashes, st.tuples(lines, lines)))
def test_a_checkpoint_reads_as_it_was_written(checkpoint: Checkpoint) -> None:
    assert checkpoints.parse(checkpoint.text()) == checkpoint


@given(st.text(characters, max_size=100))
def test_a_hostile_checkpoint_is_read_as_written_or_refused(text: str) -> None:
    if not refused(lambda: checkpoints.parse(text)):
        assert checkpoints.parse(text).text() == text


@given(st.integers(0, MAX_SIZE), st.lists(hashes, max_size=63), st.binary(max_size=50))
def test_a_proof_reads_as_it_was_written(index: int, path: list[bytes], extra: bytes) -> None:
    proof = Proof(index, tuple(path), SIGNED, extra)

    assert proofs.parse(proof.encode()) == proof


@given(st.binary(max_size=200) | damaged(PROOF))
def test_a_hostile_proof_is_read_as_written_or_refused(data: bytes) -> None:
    if not refused(lambda: proofs.parse(data)):
        assert proofs.parse(data).encode() == data
        assert refused(lambda: proofs.verify(proofs.parse(data), b"", [LOG.key], verify))


@given(st.text(max_size=100))
def test_a_hostile_key_is_read_as_written_or_refused(vkey: str) -> None:
    if not refused(lambda: notes.parse_vkey(vkey)):
        assert notes.parse_vkey(vkey).vkey() == vkey
    if not refused(lambda: NoteKey(vkey, bytes(32))):
        assert notes.parse_vkey(NoteKey(vkey, bytes(32)).vkey()).name == vkey
