"""How access tokens are got: OAuth 2.0 client credentials (RFC 6749, 4.4)."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator

from gateway.sdk import AdapterConfig

ClientAuthentication = Literal["client_secret_jwt", "client_secret_basic", "client_secret_post"]

SHORTEST_HS256_KEY: Final = 32
"""Bytes: a key for HS256 is at least as long as its hash (RFC 7518, 3.2)."""


class OAuthConfig(AdapterConfig):
    """Where access tokens come from, and as whom they are asked for."""

    token_url: HttpUrl = Field(description="Token endpoint of the authorization server.")
    client_id: str = Field(
        min_length=1, max_length=255, pattern=r"^[\x20-\x7e]+$", description="As registered there."
    )
    client_secret: SecretStr | None = Field(
        default=None, description="The client's secret, from the environment; not from a YAML file."
    )
    client_secret_file: Path | None = Field(
        default=None, description="File with the secret; read again for every token."
    )
    client_authentication: ClientAuthentication = Field(
        default="client_secret_jwt",
        description="How the client proves itself: `client_secret_jwt` signs an assertion (HS256; "
        "OpenID Connect Core, 9) and the secret stays here; `client_secret_basic` and "
        "`client_secret_post` send the secret (RFC 6749, 2.3.1).",
    )
    audience: str | None = Field(
        default=None,
        min_length=1,
        description="`aud` of the assertion; the token endpoint's address without it.",
    )
    assertion_lifetime_s: int = Field(
        default=60, ge=5, le=600, description="How long an assertion is valid; each is used once."
    )
    scope: str | None = Field(
        default=None,
        pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*$",
        description="Scopes to ask for, with a space between them (RFC 6749, 3.3).",
    )
    renew_before_s: float = Field(
        default=30.0,
        ge=0,
        le=3600,
        description="A token is exchanged so long before it expires, but not before half of its "
        "time. Longer than a request and the difference of the clocks.",
    )
    lifetime_s: float = Field(
        default=60.0,
        gt=0,
        le=86_400,
        description="How long a token is used whose answer does not say `expires_in`.",
    )
    timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Longest time for one token, connection included."
    )

    @model_validator(mode="after")
    def _has_one_secret(self) -> Self:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give client_secret or client_secret_file, one of them")
        if self.client_secret is not None:
            fault = self.fault_of(self.client_secret.get_secret_value())
            if fault is not None:
                raise ValueError(f"client_secret: {fault}")
        return self

    def fault_of(self, secret: str) -> str | None:
        """Return what keeps ``secret`` from being used, without telling any of it."""
        if not (secret and secret.isascii() and secret.isprintable()):
            return "not visible ASCII (RFC 6749, appendix A.2)"
        if self.client_authentication == "client_secret_jwt" and len(secret) < SHORTEST_HS256_KEY:
            return f"shorter than {SHORTEST_HS256_KEY} bytes (RFC 7518, 3.2)"
        return None
