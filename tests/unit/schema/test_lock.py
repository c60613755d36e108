import hashlib
import shutil
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.schema.catalogue import shipped_schemas
from gateway.schema.lock import LOCK_NAME, Breach, LockBreach, verify_lock, write_lock

PROCEDURE = "care/certification-claim/v1.yaml"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "schemas"
    shutil.copytree(shipped_schemas(), folder)
    (folder / LOCK_NAME).unlink(missing_ok=True)
    return folder


def test_the_shipped_procedures_are_as_they_were_released() -> None:
    assert verify_lock(shipped_schemas()) == ()


def test_a_written_lock_holds_every_procedure_and_shared_file(root: Path) -> None:
    added = write_lock(root)

    assert "shared/applicant.yaml" in added
    assert PROCEDURE in added
    assert verify_lock(root) == ()
    digest = hashlib.sha256((root / PROCEDURE).read_bytes()).hexdigest()
    assert f"{digest}  {PROCEDURE}\n" in (root / LOCK_NAME).read_text("utf-8")


def test_a_changed_a_missing_and_a_new_file_are_breaches(root: Path) -> None:
    write_lock(root)
    with (root / PROCEDURE).open("a", encoding="utf-8") as file:
        file.write("# harmless?\n")
    (root / "shared" / "applicant.yaml").rename(root / "shared" / "person.yaml")

    assert verify_lock(root) == (
        LockBreach(PROCEDURE, Breach.CHANGED),
        LockBreach("shared/applicant.yaml", Breach.MISSING),
        LockBreach("shared/person.yaml", Breach.UNLOCKED),
    )


def test_a_new_version_is_added_to_the_lock(root: Path) -> None:
    write_lock(root)
    (root / PROCEDURE).with_name("v2.yaml").write_text("new: true\n", "utf-8")

    assert write_lock(root) == (PROCEDURE.replace("v1", "v2"),)
    assert verify_lock(root) == ()


def test_a_released_file_is_never_locked_anew(root: Path) -> None:
    write_lock(root)
    (root / PROCEDURE).write_text("changed: true\n", "utf-8")
    before = (root / LOCK_NAME).read_bytes()

    with pytest.raises(ConfigError, match="changed"):
        write_lock(root)

    assert (root / LOCK_NAME).read_bytes() == before


@pytest.mark.parametrize("line", ["nonsense", "abc  file.yaml", "a" * 64 + " file.yaml"])
def test_a_lock_of_another_form_is_refused(root: Path, line: str) -> None:
    (root / LOCK_NAME).write_text(f"{line}\n", "utf-8")

    with pytest.raises(ConfigError, match="sha256sum"):
        verify_lock(root)


def test_a_folder_without_a_lock_cannot_be_verified(root: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        verify_lock(root)
