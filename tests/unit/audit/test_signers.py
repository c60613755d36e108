"""Once a younger key has signed, no older one signs more entries: to both verifiers."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.exported import ExportedLog
from gateway.audit.sealed import LogVerifier, Signed, signed
from gateway.audit.standalone import verify as standalone
from tests.unit.audit.exported_log import (
    KEY,
    OTHER_KEY,
    chained,
    life,
    note_key,
    seal,
    verify_signature,
)

STANDALONE = Path(standalone.__file__)
SIZES = (30, 60, 90)
WORDS = "signed by a key that had been replaced"


def signed_by(folder: Path, *signers: Ed25519PrivateKey) -> Path:
    """Write the export of a log whose sizes these keys have signed, one each."""
    entries = chained([each for number in range(SIZES[-1] // 3) for each in life(number)])
    logs = [seal(entries, at=SIZES[:-1], key=key) for key in signers]
    log = logs[0]
    log.notes = {size: each.notes[size] for size, each in zip(SIZES, logs, strict=True)}
    return log.write(folder)


@pytest.mark.parametrize(
    ("signers", "replaced"),
    [
        ((KEY, KEY, OTHER_KEY), []),
        ((OTHER_KEY, OTHER_KEY, OTHER_KEY), []),
        ((KEY, OTHER_KEY, KEY), ["checkpoint", "checkpoints/90"]),
        ((OTHER_KEY, KEY, KEY), ["checkpoint", "checkpoints/60", "checkpoints/90"]),
    ],
)
def test_signers_never_go_back(
    signers: tuple[Ed25519PrivateKey, ...], replaced: list[str], tmp_path: Path
) -> None:
    folder = signed_by(tmp_path / "export", *signers)
    keys = [note_key(KEY), note_key(OTHER_KEY)]
    export = ExportedLog(folder)
    verifier = LogVerifier(
        checkpoints=[
            found
            for name, text in export.checkpoints()
            if isinstance(found := signed(name, text, keys, verify_signature), Signed)
        ]
    )
    verifier.feed_all(list(export.entries()))

    report = verifier.finish()
    command = [sys.executable, "-I", str(STANDALONE), str(folder)]
    for key in keys:
        command += ["--key", key.vkey()]
    theirs = subprocess.run(command, capture_output=True, check=False, text=True)

    assert report.ok == (not replaced)
    assert sorted(each.problem for each in report.faults) == [
        f"{name}: {WORDS}" for name in replaced
    ]
    assert theirs.returncode == int(bool(replaced)), theirs.stdout + theirs.stderr
    assert theirs.stdout.count(WORDS) == len(replaced)
