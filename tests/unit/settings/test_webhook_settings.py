"""Where webhooks may go, and what a code may look like, is checked before anything starts."""

from typing import Any

import pytest

from gateway.domain.errors import ConfigError
from gateway.settings.load import build

URL = "https://portal.example.lg.jp/webhooks?tenant=1"


def document(client: dict[str, Any] | None = None, **destination: Any) -> dict[str, Any]:
    return {
        "municipalities": {"131016": {"name": "千代田区"}},
        "clients": {
            "portal": {"municipalities": ["131016"], "procedures": ["*"], **(client or {})}
        },
        "destinations": {
            "core": {"municipality": "131016", "adapter": "file", **destination},
        },
    }


def refused(of: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        build(of)
    return str(caught.value.args[0])


@pytest.mark.parametrize(
    "url",
    [
        URL,
        "https://10.1.2.3:8443/",
        "http://127.0.0.1:9000/hooks",
        "http://[::1]:9000/hooks",
        "http://localhost/hooks",
    ],
)
def test_an_endpoint_is_encrypted_or_on_this_machine(url: str) -> None:
    webhook = build(document({"webhook": {"url": url}})).clients["portal"].webhook

    assert webhook is not None
    assert webhook.url == url
    assert webhook.disable_after_days == 5.0


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://portal.example/hooks", "https://"),
        ("http://127.0.0.1.example/hooks", "https://"),
        ("http://localhost.example/hooks", "https://"),
        ("http://10.0.0.1/hooks", "https://"),
        ("ftp://portal.example/hooks", "https://"),
        ("file:///etc/passwd", "https://"),
        ("portal.example", "https://"),
        ("", "https://"),
        ("https://", "https://"),
        ("https://portal.example:99999/", "URL"),
        ("https://user:word@portal.example/", "password"),
        ("https://portal.example/#part", "fragment"),
    ],
)
def test_any_other_endpoint_is_refused(url: str, why: str) -> None:
    told = refused(document({"webhook": {"url": url}}))

    assert told.startswith("clients.portal.webhook.url: ")
    assert why in told


def test_codes_are_mapped_by_codes_only() -> None:
    codes = {"K012": "document.missing"}

    settings = build(
        document({"feedback_codes": {"document.missing": "E-41"}}, feedback_codes=codes)
    )

    assert settings.destinations["core"].feedback_codes == codes
    assert settings.clients["portal"].feedback_codes == {"document.missing": "E-41"}


@pytest.mark.parametrize("code", ["", "山田", "not a code", "123456789018", "x" * 101])
@pytest.mark.parametrize("is_key", [True, False])
def test_what_may_be_words_or_a_number_of_a_person_is_no_code(code: str, *, is_key: bool) -> None:
    table = {code: "a"} if is_key else {"a": code}

    for told in (
        refused(document(feedback_codes=table)),
        refused(document({"feedback_codes": table})),
    ):
        assert "feedback_codes" in told
        assert "must be a code" in told
