"""The contract with adapters: what it is, and that nothing of it changes by accident."""

import runpy
from pathlib import Path
from typing import get_args

import pytest
from pydantic import Field, ValidationError

from gateway import sdk

TOOL = runpy.run_path(str(Path(__file__).parent.parent.parent / "tools" / "sdk_surface.py"))
COMMITTED = TOOL["SNAPSHOT"].read_text(encoding="utf-8")


def test_the_contract_is_the_committed_one() -> None:
    assert TOOL["verdict"](COMMITTED, TOOL["surface"]()) is None


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("Receipt.preview: str\n", "Receipt.preview: bytes\n", "break"),
        ("LooksUp: protocol\n", "", "break"),
        (
            "Destination: protocol\n",
            "Destination: protocol\nDestination.ping: method ()\n",
            "break",
        ),
        ("Health: value\n", "Health: value\nHealth.since: datetime\n", "break"),
        ("Health: value\n", "Health: value\nHealth.since: datetime = None\n", "addition"),
        ("Health: value\n", "Health: value\nHealth.as_text: method (self) -> str\n", "addition"),
        ("Health: value\n", "Health: value\nPings: protocol\nPings.ping: method ()\n", "addition"),
    ],
)
def test_a_change_is_told_from_a_break(old: str, new: str, kind: str) -> None:
    assert TOOL["change"](f"contract 1.4\n{old}", f"contract 1.4\n{new}") == kind


@pytest.mark.parametrize(
    ("version", "kept", "told"),
    [
        ("1.4", "Health: value\n", "CONTRACT_VERSION to 1.5"),
        ("1.5", "Health: value\n", "run tools/sdk_surface.py --write"),
        ("1.5", "", "CONTRACT_VERSION to 2.0"),
        ("2.0", "", "run tools/sdk_surface.py --write"),
    ],
)
def test_a_change_says_which_version_it_needs(version: str, kept: str, told: str) -> None:
    old = "contract 1.4\nHealth: value\n"

    assert told in TOOL["verdict"](old, f"contract {version}\n{kept}Pings: protocol\n")


def test_a_change_is_not_written_before_its_version_is_raised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = COMMITTED.replace("Health: value\n", "")
    snapshot = tmp_path / "surface.txt"
    snapshot.write_text(changed, encoding="utf-8")
    tool = runpy.run_path(str(TOOL["__file__"]))
    tool["main"].__globals__["SNAPSHOT"] = snapshot

    assert tool["main"](["--write"]) == 1
    assert "+ Health: value" in capsys.readouterr().out
    assert snapshot.read_text(encoding="utf-8") == changed


def test_everything_public_has_a_docstring() -> None:
    classes = [value for name in sdk.__all__ if isinstance(value := getattr(sdk, name), type)]

    bare = {
        f"{one.__name__}.{name}"
        for one in classes
        for name, value in {"": one, **vars(one)}.items()
        if callable(value) and not name.startswith("_") and not value.__doc__
    }

    assert bare == set()


def test_an_error_of_a_configuration_shows_no_value_of_it() -> None:
    class Config(sdk.AdapterConfig):
        secret: str = Field(min_length=32, description="A secret.")

    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"secret": "mijikai-himitsu"})

    assert "secret" in str(caught.value)
    assert "mijikai" not in str(caught.value)


def test_a_batch_reports_with_what_send_returns_or_raises() -> None:
    assert set(get_args(sdk.SendResult)) == {
        sdk.Receipt,
        sdk.RejectedError,
        sdk.TransientError,
        sdk.UnknownOutcomeError,
    }
