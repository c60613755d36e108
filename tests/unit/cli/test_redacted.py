from pathlib import Path

import pytest

from gateway.bootstrap.embedded import embedded_document
from gateway.cli.redacted import REDACTED, digest, redacted, without_password
from gateway.settings.load import build


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("amqps://gw:secret@mq/vhost", f"amqps://gw:{REDACTED}@mq/vhost"),
        ("postgresql://gw@db/kakehashi", "postgresql://gw@db/kakehashi"),
        ("postgresql:///k?password=secret&host=db", f"postgresql:///k?password={REDACTED}&host=db"),
        ("sqlite:///var/journal.db", "sqlite:///var/journal.db"),
        ("memory:", "memory:"),
    ],
)
def test_a_password_in_an_address_is_never_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_secrets_of_adapters_are_not_shown_and_names_of_their_files_are() -> None:
    document = embedded_document(Path("var"))
    document["destinations"]["delivered"]["config"] = {  # type: ignore[index]
        "bearer_token": "secret-1",
        "bearer_token_file": "token.txt",
        "proxy": "http://me:secret-2@proxy/",
        "headers": [{"x-api-key": "secret-3"}],
    }
    settings = build(document)

    shown = redacted(settings)

    assert "secret-" not in str(shown)
    assert shown["destinations"]["delivered"]["config"]["bearer_token_file"] == "token.txt"


def test_equal_configurations_have_equal_digests() -> None:
    one, other = (build(embedded_document(Path(home))) for home in ("a", "b"))

    assert digest(one) == digest(build(embedded_document(Path("a"))))
    assert digest(one) != digest(other)
