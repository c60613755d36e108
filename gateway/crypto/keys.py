"""Which keys there are, and how they are written: JWKs (RFC 7517) as JSON bytes.

Every key says what it is for (``use``, ``alg``) and is named by its RFC 7638
thumbprint (``kid``), so that a key for signing cannot seal, and a name cannot lie.
joserfc makes and reads them; what it does not look at is checked here.
"""

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, OctKey, OKPKey

from gateway.crypto import jose
from gateway.crypto.algorithms import (
    MAC_ALG,
    SEAL_ALG,
    SEAL_CURVE,
    SECRET_BYTES,
    SIGN_ALG,
    SIGN_CURVE,
)
from gateway.domain.errors import KeyUnusableError

_PURPOSES: Final[dict[tuple[str, str], dict[str, str]]] = {
    ("EC", SEAL_CURVE): {"use": "enc", "alg": SEAL_ALG},
    ("OKP", SIGN_CURVE): {"use": "sig", "alg": SIGN_ALG},
    ("oct", ""): {"use": "sig", "alg": MAC_ALG},
}
"""Key type and curve → what the key must say it is for. There are no other kinds."""


_NUMBERS: Final = frozenset({"kty", "crv", "x", "y", "d", "k"})
"""Members that are the key itself."""

_LIMITS: Final = frozenset({"key_ops", "x5u", "x5c"})
"""Members that would limit a key's use further than we look."""


def new_encryption_key() -> bytes:
    """Return a new private P-256 JWK, for opening what is sealed to its public half."""
    return _write(ECKey.generate_key(SEAL_CURVE), private=True)


def new_signing_key() -> bytes:
    """Return a new private Ed25519 JWK."""
    return _write(OKPKey.generate_key(SIGN_CURVE), private=True)


def new_secret() -> bytes:
    """Return a new ``oct`` JWK of 256 random bits, to derive HMAC keys from."""
    return _write(OctKey.generate_key(SECRET_BYTES * 8), private=True)


def public_half(jwk: bytes) -> bytes:
    """Return the public JWK of a private (or public) one.

    Raises:
        KeyUnusableError: Damaged, of an unknown kind, or a secret, which has no public half.
    """
    key = _read(jwk)
    if isinstance(key, OctKey):
        raise KeyUnusableError("a secret has no public half")
    return _write(key, private=False)


def thumbprint(jwk: bytes) -> str:
    """Return the key's name: SHA-256 thumbprint, base64url (RFC 7638); equals its ``kid``.

    Raises:
        KeyUnusableError: Damaged, or of an unknown kind.
    """
    return _read(jwk).thumbprint()


def is_private(jwk: bytes) -> bool:
    """Return whether the JWK must be kept secret.

    Raises:
        KeyUnusableError: Damaged, or of an unknown kind.
    """
    return _read(jwk).is_private


def sealing_key(public_jwk: bytes) -> EllipticCurvePublicKey:
    """Return the key to seal with.

    Raises:
        KeyUnusableError: Not the public half of an encryption key.
    """
    key = _read(public_jwk)
    if isinstance(key, ECKey) and isinstance(key.raw_value, EllipticCurvePublicKey):
        return key.raw_value
    raise KeyUnusableError("not a public encryption key")


def opening_key(private_jwk: bytes) -> EllipticCurvePrivateKey:
    """Return the key to open with.

    Raises:
        KeyUnusableError: Not a private encryption key.
    """
    key = _read(private_jwk)
    if isinstance(key, ECKey) and isinstance(key.raw_value, EllipticCurvePrivateKey):
        return key.raw_value
    raise KeyUnusableError("not a private encryption key")


def signing_key(private_jwk: bytes) -> Ed25519PrivateKey:
    """Return the key to sign with.

    Raises:
        KeyUnusableError: Not a private signing key.
    """
    key = _read(private_jwk)
    if isinstance(key, OKPKey) and isinstance(key.raw_value, Ed25519PrivateKey):
        return key.raw_value
    raise KeyUnusableError("not a private signing key")


def verifying_key(public_jwk: bytes) -> Ed25519PublicKey:
    """Return the key to verify with.

    Raises:
        KeyUnusableError: Not the public half of a signing key.
    """
    key = _read(public_jwk)
    if isinstance(key, OKPKey) and isinstance(key.raw_value, Ed25519PublicKey):
        return key.raw_value
    raise KeyUnusableError("not a public signing key")


def secret(jwk: bytes) -> bytes:
    """Return a secret's 32 bytes.

    Raises:
        KeyUnusableError: Not a secret of 256 bits.
    """
    key = _read(jwk)
    if not isinstance(key, OctKey):
        raise KeyUnusableError("not a secret")
    return key.raw_value


def _write(key: Key, *, private: bool) -> bytes:
    """Return the key as JSON: what it is, what it is for, its name."""
    members: dict[str, object] = dict(key.as_dict(private=private))
    members |= {**_PURPOSES[key.key_type, str(key.get("crv", ""))], "kid": key.thumbprint()}
    return jose.write_object(dict(sorted(members.items())))


def _read(jwk: bytes) -> Key:
    """Return the key if it is one of ours and true to itself."""
    try:
        members = jose.read_object(jwk)
    except ValueError as error:
        raise KeyUnusableError("not a JWK") from error
    purpose = _PURPOSES.get((str(members.get("kty")), str(members.get("crv", ""))))
    if purpose is None:
        raise KeyUnusableError("a kind of key that is not used here")
    if any(members.get(name) != value for name, value in purpose.items()):
        raise KeyUnusableError("made for another use or algorithm")
    if not _LIMITS.isdisjoint(members):
        raise KeyUnusableError("limits that are not understood")
    try:
        key = _import({name: members[name] for name in _NUMBERS & members.keys()})
    except (JoseError, ValueError) as error:
        raise KeyUnusableError("damaged") from error
    true = key.as_dict(private=key.is_private) | {"kid": key.thumbprint()}
    if any(members.get(name) != value for name, value in true.items()):
        raise KeyUnusableError("its members contradict each other")
    return key


def _import(numbers: dict[str, object]) -> Key:
    """Return the key, described by what its numbers say and by nothing else.

    joserfc takes an OKP key's public half on trust, whatever private half it stands
    beside; so the key is made again from the bare numbers.
    """
    texts: dict[str, str | list[str]] = {}
    for name, text in numbers.items():
        if not isinstance(text, str):
            raise ValueError(name)  # noqa: TRY004 - the JWK is wrong, not a type
        texts[name] = text
    if numbers["kty"] == "oct":
        octets = jose.b64decode(str(numbers.get("k", "")).encode())
        if len(octets) != SECRET_BYTES:
            raise ValueError(len(octets))
        return OctKey(octets, octets)
    if numbers["kty"] == "EC":
        return ECKey.import_key(ECKey.import_key(texts).raw_value)
    return OKPKey.import_key(OKPKey.import_key(texts).raw_value)
