"""The file key store keeps the contract, and refuses files that others can reach."""

import os
import stat
from pathlib import Path

import pytest

from gateway.crypto import keys
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError
from gateway.drivers.file_keys import FileKeys
from gateway.ports.keys import KeyStore
from gateway.testing.contracts.keys import KeyStoreContract

NAME = "worker/w"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(folder: Path) -> FileKeys:
    """Return a store that holds one private key."""
    store = FileKeys(folder)
    store.add(NAME, keys.new_signing_key(), private=True)
    return store


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestFileKeys(KeyStoreContract):
    @pytest.fixture
    def store(self, folder: Path) -> KeyStore:
        return FileKeys(folder)


def test_private_files_are_made_for_their_owner_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        store = FileKeys(folder)
        store.add(NAME, keys.new_signing_key(), private=True)
        store.add("a", keys.public_half(keys.new_signing_key()), private=False)
    finally:
        os.umask(before)

    assert mode(folder / "worker/w.private.jwk") == 0o600
    assert mode(folder / "a.public.jwk") == 0o644
    assert (mode(folder), mode(folder / "worker")) == (0o700, 0o700)


def test_another_store_on_the_same_folder_sees_the_keys(store: FileKeys, folder: Path) -> None:
    assert FileKeys(folder).private(NAME) == store.private(NAME)


def test_nothing_but_the_key_is_left_in_the_folder(store: FileKeys, folder: Path) -> None:
    store.add(NAME, store.private(NAME), private=True)

    assert [file.name for file in (folder / "worker").iterdir()] == ["w.private.jwk"]


@pytest.mark.parametrize("wide", [0o640, 0o604, 0o660, 0o601, 0o700 | 0o070])
def test_a_private_file_that_others_can_reach_is_refused(
    store: FileKeys, folder: Path, wide: int
) -> None:
    (folder / "worker/w.private.jwk").chmod(wide)

    with pytest.raises(KeyUnusableError, match=f"mode {wide:04o}"):
        store.private(NAME)
    with pytest.raises(KeyUnusableError):
        store.public(NAME)


def test_a_public_file_that_others_can_write_is_refused(folder: Path) -> None:
    store = FileKeys(folder)
    store.add("a", keys.public_half(keys.new_signing_key()), private=False)
    (folder / "a.public.jwk").chmod(0o664)

    with pytest.raises(KeyUnusableError):
        store.public("a")


@pytest.mark.parametrize("inner", [".", "worker"])
def test_a_folder_that_others_can_write_is_refused(
    store: FileKeys, folder: Path, inner: str
) -> None:
    (folder / inner).chmod(0o770)

    with pytest.raises(KeyUnusableError):
        store.private(NAME)
    with pytest.raises(KeyUnusableError):
        store.add("worker/other", keys.new_signing_key(), private=True)


def test_files_of_another_user_are_refused(
    store: FileKeys, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    owner = folder.stat().st_uid
    if owner == 0:
        os.chown(folder / "worker/w.private.jwk", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)

    with pytest.raises(KeyUnusableError, match="another user"):
        store.private(NAME)


def test_a_link_in_place_of_a_private_file_is_refused(store: FileKeys, folder: Path) -> None:
    file = folder / "worker/w.private.jwk"
    file.rename(folder.parent / "elsewhere")
    file.symlink_to(folder.parent / "elsewhere")

    with pytest.raises(KeyUnusableError):
        store.private(NAME)
    with pytest.raises(KeyUnusableError):
        store.add(NAME, keys.new_signing_key(), private=True)


def test_a_link_in_place_of_a_folder_is_refused(store: FileKeys, folder: Path) -> None:
    (folder / "worker").rename(folder.parent / "elsewhere")
    (folder / "worker").symlink_to(folder.parent / "elsewhere")

    with pytest.raises(KeyUnusableError):
        store.private(NAME)
    with pytest.raises(KeyUnusableError):
        store.add("worker/v", keys.new_signing_key(), private=True)


def test_the_folder_itself_may_be_a_link(store: FileKeys, folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)

    assert FileKeys(link).private(NAME) == store.private(NAME)


def test_a_pipe_in_place_of_a_key_is_refused_at_once(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.mkfifo(folder / "a.private.jwk", 0o600)

    with pytest.raises(KeyUnusableError, match="not a plain file"):
        FileKeys(folder).private("a")


@pytest.mark.parametrize("damage", [b"", b"{}", b"not JSON", b"\xff", b'{"kty":"oct"}'])
def test_a_damaged_file_is_refused_and_kept(store: FileKeys, folder: Path, damage: bytes) -> None:
    (folder / "worker/w.private.jwk").write_bytes(damage)

    with pytest.raises(KeyUnusableError):
        store.private(NAME)
    with pytest.raises(KeyUnusableError):
        store.add(NAME, keys.new_signing_key(), private=True)
    assert (folder / "worker/w.private.jwk").read_bytes() == damage


def test_a_public_file_with_a_private_key_inside_is_refused(store: FileKeys, folder: Path) -> None:
    (folder / "worker/w.public.jwk").write_bytes(store.private(NAME))

    with pytest.raises(KeyUnusableError):
        store.public(NAME)


def test_a_key_that_another_process_made_first_stands(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quicker = keys.new_signing_key()
    slow, quick = FileKeys(folder), FileKeys(folder)
    link = os.link

    def overtaken(*args: object, **kwargs: object) -> None:
        monkeypatch.setattr(os, "link", link)
        quick.add(NAME, quicker, private=True)
        link(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "link", overtaken)

    with pytest.raises(KeyUnusableError, match="different key"):
        slow.add(NAME, keys.new_signing_key(), private=True)
    assert quick.private(NAME) == quicker


def test_a_folder_that_cannot_be_made_is_told_with_its_reason(folder: Path) -> None:
    folder.write_text("a file")

    with pytest.raises(KeyUnusableError, match="worker/w ENOTDIR"):
        FileKeys(folder).add(NAME, keys.new_signing_key(), private=True)


def test_other_files_in_the_folder_are_no_keys(store: FileKeys, folder: Path) -> None:
    (folder / "README").write_text("")
    (folder / ".draft.private.jwk").write_text("")

    assert store.names() == (NAME,)


def test_a_store_without_a_folder_is_empty_and_makes_none(folder: Path) -> None:
    store = FileKeys(folder)

    with pytest.raises(KeyNotFoundError):
        store.private(NAME)
    assert (store.names(), folder.exists()) == ((), False)
