"""A key is for one use, is named by its thumbprint, and does not contradict itself."""

import base64
import json
from collections.abc import Callable

import pytest

from gateway.crypto import keys
from gateway.domain.errors import KeyUnusableError

MAKERS = [keys.new_encryption_key, keys.new_signing_key, keys.new_secret]
PAIRS = MAKERS[:2]
OTHER_EC, OTHER_OKP = (json.loads(make()) for make in PAIRS)


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("make", "members"),
    [
        (keys.new_encryption_key, {"kty": "EC", "crv": "P-256", "use": "enc", "alg": "ECDH-ES"}),
        (keys.new_signing_key, {"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "Ed25519"}),
        (keys.new_secret, {"kty": "oct", "use": "sig", "alg": "HS256"}),
    ],
)
def test_a_new_key_says_what_it_is_for(make: Callable[[], bytes], members: dict[str, str]) -> None:
    jwk = make()

    assert members.items() <= json.loads(jwk).items()
    assert json.loads(jwk)["kid"] == keys.thumbprint(jwk)
    assert keys.is_private(jwk)


@pytest.mark.parametrize("make", MAKERS)
def test_no_two_keys_are_the_same(make: Callable[[], bytes]) -> None:
    assert keys.thumbprint(make()) != keys.thumbprint(make())


@pytest.mark.parametrize("make", PAIRS)
def test_the_public_half_has_the_same_name_and_nothing_private(
    make: Callable[[], bytes],
) -> None:
    jwk = make()

    public = keys.public_half(jwk)

    assert "d" not in json.loads(public)
    assert keys.thumbprint(public) == keys.thumbprint(jwk)
    assert not keys.is_private(public)
    assert keys.public_half(public) == public


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    # RFC 8037, appendix A.3: an Ed25519 key and its RFC 7638 thumbprint.
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "use": "sig",
        "alg": "Ed25519",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
    }

    assert keys.thumbprint(json.dumps(jwk).encode()) == jwk["kid"]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    "change",
    [
        {"use": None},
        {"use": "enc", "alg": "Ed25519"},
        {"use": "sig", "alg": "ECDH-ES"},
        {"alg": None},
        {"alg": "EdDSA"},
        {"alg": "ECDH-ES+A256KW"},
        {"kid": None},
        {"kid": "gateway"},
        {"kty": "RSA"},
        {"kty": None},
        {"crv": "P-384"},
        {"crv": "X25519"},
        {"crv": ["P-256"]},
        {"key_ops": ["verify"]},
        {"d": "AQ", "k": "AQ"},
        {"d": 1, "k": 1},
        {"x": b64(b"\x01" * 32), "y": b64(b"\x01" * 32), "k": b64(b"\x01" * 16)},
    ],
)
def test_a_key_that_is_not_one_of_ours_is_refused(
    make: Callable[[], bytes], change: dict[str, object]
) -> None:
    members = {name: v for name, v in (json.loads(make()) | change).items() if v is not None}

    with pytest.raises(KeyUnusableError):
        keys.thumbprint(json.dumps(members).encode())


@pytest.mark.parametrize(
    ("make", "other"),
    [(keys.new_encryption_key, OTHER_EC), (keys.new_signing_key, OTHER_OKP)],
)
def test_a_private_half_beside_anothers_public_half_is_refused(
    make: Callable[[], bytes], other: dict[str, str]
) -> None:
    mixed = json.loads(make()) | {k: v for k, v in other.items() if k in {"x", "y", "kid"}}

    with pytest.raises(KeyUnusableError):
        keys.thumbprint(json.dumps(mixed).encode())


@pytest.mark.parametrize(
    "jwk",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"keys":[]}',
        keys.new_secret().replace(b"{", b'{"kty":"EC",', 1),
        keys.new_secret()[:-1],
    ],
)
def test_what_is_not_a_key_is_refused(jwk: bytes) -> None:
    for use in (keys.thumbprint, keys.public_half, keys.is_private, keys.secret):
        with pytest.raises(KeyUnusableError):
            use(jwk)


def test_a_key_is_not_taken_for_another_kind() -> None:
    encryption, signing, secret = (make() for make in MAKERS)

    for use, wrong in [
        (keys.sealing_key, [encryption, signing, keys.public_half(signing), secret]),
        (keys.opening_key, [keys.public_half(encryption), signing, secret]),
        (keys.verifying_key, [signing, encryption, keys.public_half(encryption), secret]),
        (keys.signing_key, [keys.public_half(signing), encryption, secret]),
        (keys.secret, [encryption, signing, keys.public_half(signing)]),
    ]:
        for jwk in wrong:
            with pytest.raises(KeyUnusableError):
                use(jwk)


def test_an_error_never_repeats_the_key() -> None:
    members = json.loads(keys.new_signing_key())
    broken = json.dumps(members | {"x": OTHER_OKP["x"]}).encode()

    with pytest.raises(KeyUnusableError) as caught:
        keys.thumbprint(broken)

    assert members["d"] not in str(caught.value)
