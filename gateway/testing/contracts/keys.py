"""What every key store must do.

A driver's test subclasses ``KeyStoreContract`` and gives the fixture ``store``: an
empty one.
"""
# ruff: noqa: D102 - a test's name is its docstring

import pytest

from gateway.crypto import keys
from gateway.domain.errors import KeyNotFoundError, KeyUnusableError
from gateway.ports.keys import KeyStore

NO_NAMES = (
    "",
    "/",
    "a//b",
    "../a",
    "a/../b",
    "a/..",
    "/etc/a",
    "A",
    "a b",
    "a\x00",
    "a.b",
    "a/b/c/d",
)
"""What no key may be called."""


class KeyStoreContract:
    """The tests; ``store`` is the only fixture."""

    def test_a_private_key_comes_back_byte_for_byte(self, store: KeyStore) -> None:
        jwk = keys.new_signing_key()

        store.add("gateway/signing", jwk, private=True)

        assert store.private("gateway/signing") == jwk

    def test_the_public_half_is_known_from_the_private_one(self, store: KeyStore) -> None:
        jwk = keys.new_encryption_key()

        store.add("destination/a", jwk, private=True)

        assert store.public("destination/a") == keys.public_half(jwk)

    def test_a_public_key_alone_has_no_private_one(self, store: KeyStore) -> None:
        public = keys.public_half(keys.new_encryption_key())

        store.add("destination/a", public, private=False)

        assert store.public("destination/a") == public
        with pytest.raises(KeyNotFoundError):
            store.private("destination/a")

    def test_both_halves_of_a_key_may_stand_under_one_name(self, store: KeyStore) -> None:
        jwk = keys.new_signing_key()

        store.add("worker/w", keys.public_half(jwk), private=False)
        store.add("worker/w", jwk, private=True)

        assert (store.private("worker/w"), store.names()) == (jwk, ("worker/w",))

    def test_names_are_listed_once_and_sorted(self, store: KeyStore) -> None:
        store.add("worker/b", keys.new_signing_key(), private=True)
        store.add("gateway/pseudonym", keys.new_secret(), private=True)
        store.add("solo", keys.public_half(keys.new_signing_key()), private=False)

        assert store.names() == ("gateway/pseudonym", "solo", "worker/b")

    def test_an_empty_store_has_no_names_and_no_keys(self, store: KeyStore) -> None:
        assert store.names() == ()
        with pytest.raises(KeyNotFoundError):
            store.private("a")
        with pytest.raises(KeyNotFoundError):
            store.public("a")

    def test_a_secret_has_no_public_half(self, store: KeyStore) -> None:
        store.add("gateway/pseudonym", keys.new_secret(), private=True)

        with pytest.raises(KeyUnusableError):
            store.public("gateway/pseudonym")

    def test_adding_the_same_key_again_changes_nothing(self, store: KeyStore) -> None:
        jwk = keys.new_signing_key()
        store.add("a", jwk, private=True)

        store.add("a", jwk, private=True)

        assert store.private("a") == jwk

    @pytest.mark.parametrize("private", [True, False])
    def test_a_key_is_never_overwritten_by_another(self, store: KeyStore, *, private: bool) -> None:
        jwk, other = keys.new_signing_key(), keys.new_signing_key()
        store.add("a", jwk, private=True)

        with pytest.raises(KeyUnusableError, match="different key"):
            store.add("a", other if private else keys.public_half(other), private=private)

        assert store.private("a") == jwk
        assert store.public("a") == keys.public_half(jwk)

    def test_a_private_key_is_not_taken_for_a_public_one(self, store: KeyStore) -> None:
        jwk = keys.new_signing_key()

        with pytest.raises(KeyUnusableError):
            store.add("a", jwk, private=False)
        with pytest.raises(KeyUnusableError):
            store.add("b", keys.public_half(jwk), private=True)

        assert store.names() == ()

    def test_what_is_not_a_key_is_not_stored(self, store: KeyStore) -> None:
        with pytest.raises(KeyUnusableError):
            store.add("a", b"{}", private=True)

        assert store.names() == ()

    @pytest.mark.parametrize("name", NO_NAMES)
    def test_a_name_that_is_none_is_refused(self, store: KeyStore, name: str) -> None:
        with pytest.raises(KeyUnusableError):
            store.add(name, keys.new_signing_key(), private=True)
        with pytest.raises(KeyNotFoundError):
            store.private(name)
        with pytest.raises(KeyNotFoundError):
            store.public(name)
