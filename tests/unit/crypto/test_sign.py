"""Signatures are RFC 7515 to the byte; nothing else verifies, and no purpose is another."""

import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.jwk import OKPKey

from gateway.crypto import keys
from gateway.crypto.sign import MAX_ATTACHED_CHARS, Purpose, Signer, Verifier
from gateway.domain.errors import KeyUnusableError, SignatureInvalidError

JWK = keys.new_signing_key()
PUBLIC = keys.public_half(JWK)
SIGNER = Signer(JWK)
VERIFIER = Verifier({SIGNER.kid: PUBLIC})
HEADER = {"alg": "Ed25519", "kid": SIGNER.kid, "typ": "kakehashi-delivery"}


def b64(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def forge(header: object, payload: bytes = b"sealed") -> str:
    """Sign with the right key, under a header of the forger's choice."""
    text = header if isinstance(header, str) else json.dumps(header, separators=(",", ":"))
    encoded = b64(text.encode())
    seed = json.loads(JWK)["d"]
    key = Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(seed + "="))
    digest = b64(hashlib.sha256(payload).digest())
    return f"{encoded}..{b64(key.sign(f'{encoded}.{digest}'.encode()))}"


@pytest.mark.parametrize("purpose", list(Purpose))
def test_what_is_signed_verifies_and_names_its_key(purpose: Purpose) -> None:
    signature = SIGNER.sign(b"sealed", purpose)

    assert VERIFIER.verify(b"sealed", signature, purpose) == SIGNER.kid


def test_it_has_the_documented_form() -> None:
    header, payload, signature = SIGNER.sign(b"sealed", Purpose.DELIVERY).split(".")

    assert json.loads(base64.urlsafe_b64decode(header + "==")) == HEADER
    assert (payload, len(signature)) == ("", 86)
    assert forge(HEADER) == SIGNER.sign(b"sealed", Purpose.DELIVERY)


def test_joserfc_verifies_it() -> None:
    key = OKPKey.import_key(json.loads(PUBLIC))
    signature = SIGNER.sign(b"sealed", Purpose.DELIVERY)

    verified = jws.deserialize_compact(
        signature, key, algorithms=["Ed25519"], payload=hashlib.sha256(b"sealed").digest()
    )

    assert verified.headers() == HEADER


def test_joserfc_verifies_an_attached_one() -> None:
    signed = SIGNER.sign_attached(b'{"id":1}', Purpose.RECEIPT)

    key = OKPKey.import_key(json.loads(PUBLIC))
    assert jws.deserialize_compact(signed, key, algorithms=["Ed25519"]).payload == b'{"id":1}'


def test_an_attached_payload_comes_back() -> None:
    signed = SIGNER.sign_attached(b'{"id":1}', Purpose.RECEIPT)

    assert VERIFIER.verify_attached(signed, Purpose.RECEIPT) == (b'{"id":1}', SIGNER.kid)


@pytest.mark.parametrize("signed_for", list(Purpose))
def test_a_message_is_never_taken_for_another_kind(signed_for: Purpose) -> None:
    signature = SIGNER.sign(b"x", signed_for)
    signed = SIGNER.sign_attached(b"x", signed_for)

    for purpose in set(Purpose) - {signed_for}:
        with pytest.raises(SignatureInvalidError, match="another purpose"):
            VERIFIER.verify(b"x", signature, purpose)
        with pytest.raises(SignatureInvalidError, match="another purpose"):
            VERIFIER.verify_attached(signed, purpose)


def test_another_payload_does_not_verify() -> None:
    with pytest.raises(SignatureInvalidError, match="not what was signed"):
        VERIFIER.verify(b"other", SIGNER.sign(b"sealed", Purpose.DELIVERY), Purpose.DELIVERY)


def test_an_unknown_key_does_not_verify() -> None:
    stranger = Signer(keys.new_signing_key())

    with pytest.raises(SignatureInvalidError, match="unknown key"):
        VERIFIER.verify(b"x", stranger.sign(b"x", Purpose.CLAIM), Purpose.CLAIM)


def test_a_strangers_signature_under_our_kid_does_not_verify() -> None:
    header = SIGNER.sign(b"x", Purpose.CLAIM).split(".")[0]
    signature = Signer(keys.new_signing_key()).sign(b"x", Purpose.CLAIM).split(".")[2]

    with pytest.raises(SignatureInvalidError, match="not what was signed"):
        VERIFIER.verify(b"x", f"{header}..{signature}", Purpose.CLAIM)


def test_a_public_key_used_as_a_shared_secret_does_not_verify() -> None:
    header = b64(json.dumps(HEADER | {"alg": "HS256"}).encode())
    signed = f"{header}.{b64(hashlib.sha256(b'x').digest())}".encode()
    secret = base64.urlsafe_b64decode(json.loads(PUBLIC)["x"] + "=")
    mac = b64(hmac.digest(secret, signed, "sha256"))

    with pytest.raises(SignatureInvalidError):
        VERIFIER.verify(b"x", f"{header}..{mac}", Purpose.DELIVERY)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(HEADER | {"alg": "none"}, id="none"),
        pytest.param(HEADER | {"alg": "EdDSA"}, id="EdDSA"),
        pytest.param(HEADER | {"alg": "HS256"}, id="HS256"),
        pytest.param(HEADER | {"alg": "ed25519"}, id="lower case"),
        pytest.param(HEADER | {"b64": False, "crit": ["b64"]}, id="b64"),
        pytest.param(HEADER | {"crit": []}, id="crit"),
        pytest.param(HEADER | {"jwk": json.loads(PUBLIC)}, id="a key inside"),
        pytest.param(HEADER | {"cty": "json"}, id="one member more"),
        pytest.param(HEADER | {"typ": "JWT"}, id="another type"),
        pytest.param(HEADER | {"kid": "x"}, id="another kid"),
        pytest.param(HEADER | {"kid": None}, id="no kid"),
        pytest.param({"alg": "Ed25519", "kid": SIGNER.kid}, id="no type"),
        pytest.param(dict(reversed(HEADER.items())), id="another order"),
        pytest.param(json.dumps(HEADER), id="blanks"),
        pytest.param(json.dumps(HEADER)[:-1] + ',"alg":"Ed25519"}', id="a member twice"),
        pytest.param("[]", id="a list"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_header_of_another_form_is_refused(header: object) -> None:
    with pytest.raises(SignatureInvalidError):
        VERIFIER.verify(b"sealed", forge(header), Purpose.DELIVERY)


SIGNATURE = SIGNER.sign(b"sealed", Purpose.DELIVERY)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        ".",
        "..",
        "...",
        "é..",
        SIGNATURE + "=",
        SIGNATURE + "\n",
        SIGNATURE + ".",
        " " + SIGNATURE,
        SIGNATURE[:-1],
        SIGNATURE[:-2],
        SIGNATURE[: SIGNATURE.rindex(".") + 1],
        SIGNATURE.replace("..", "." + b64(hashlib.sha256(b"sealed").digest()) + "."),
        SIGNATURE.replace("..", "."),
        SIGNATURE + "A" * 10_000,
    ],
)
def test_a_signature_of_another_shape_is_refused(signature: str) -> None:
    with pytest.raises(SignatureInvalidError):
        VERIFIER.verify(b"sealed", signature, Purpose.DELIVERY)


def test_an_attached_signature_too_long_to_be_ours_is_refused() -> None:
    signed = SIGNER.sign_attached(bytes(MAX_ATTACHED_CHARS), Purpose.RECEIPT)

    with pytest.raises(SignatureInvalidError, match="malformed"):
        VERIFIER.verify_attached(signed, Purpose.RECEIPT)


def test_without_keys_nothing_verifies() -> None:
    with pytest.raises(SignatureInvalidError, match="unknown key"):
        Verifier({}).verify(b"sealed", SIGNATURE, Purpose.DELIVERY)


def test_only_the_right_half_of_the_right_key_is_taken() -> None:
    for jwk in (PUBLIC, keys.new_encryption_key(), keys.new_secret()):
        with pytest.raises(KeyUnusableError):
            Signer(jwk)
    for jwk in (JWK, keys.public_half(keys.new_encryption_key()), keys.new_secret()):
        with pytest.raises(KeyUnusableError):
            Verifier({keys.thumbprint(jwk): jwk})


def test_a_key_under_a_name_that_is_not_its_own_is_refused() -> None:
    with pytest.raises(KeyUnusableError):
        Verifier({"gateway": PUBLIC})
