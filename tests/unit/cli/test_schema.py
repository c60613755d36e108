import json
from pathlib import Path

import pytest

from gateway.schema.catalogue import shipped_schemas
from tests.unit.cli.conftest import Terminal

CLAIM = "childcare/allowance-claim"


def test_every_procedure_is_listed_with_its_title(terminal: Terminal) -> None:
    listed = terminal.ask("schema", "list")

    assert CLAIM in {one["procedure"] for one in listed}
    assert "Claim for child allowance" in terminal.run("schema", "list")


@pytest.mark.parametrize("name", [CLAIM, f"{CLAIM}/v1", f"{CLAIM}@v1"])
def test_a_procedure_is_shown_by_name_and_version(terminal: Terminal, name: str) -> None:
    assert "content" in json.loads(terminal.run("schema", "show", name))["properties"]
    assert json.loads(terminal.run("schema", "show", name, "--example"))["procedure"] == CLAIM


def test_an_unknown_procedure_is_told_with_those_that_there_are(terminal: Terminal) -> None:
    assert f"{CLAIM}/v1" in terminal.run("schema", "show", f"{CLAIM}/v9", code=1)


def test_a_body_is_checked_as_the_front_door_would(terminal: Terminal) -> None:
    body = json.loads(terminal.run("schema", "show", CLAIM, "--example"))
    Path("good.json").write_text(json.dumps(body))
    del body["content"]["children"]
    Path("bad.json").write_text(json.dumps(body))
    Path("garbage.json").write_text("{")
    Path("other.json").write_text(json.dumps({**body, "procedure": "no/such"}))

    found = terminal.ask(
        "schema", "check", "good.json", "bad.json", "garbage.json", "other.json", code=1
    )

    assert [one["ok"] for one in found] == [True, False, False, False]
    assert [one["errors"][0]["code"] for one in found[1:]] == [
        "field.required",
        "json.malformed",
        "procedure.unknown",
    ]
    assert "#/content/children" in terminal.run("schema", "check", "bad.json", code=1)


def test_the_shipped_folder_of_procedures_is_right(terminal: Terminal) -> None:
    found = terminal.ask("schema", "check", str(shipped_schemas()))

    assert found
    assert all(one["ok"] for one in found)


def test_an_example_that_does_not_fail_as_expected_is_told(terminal: Terminal) -> None:
    folder = Path("mine/cats/licence")
    source = shipped_schemas() / "childcare" / "allowance-claim"
    (folder / "examples" / "valid").mkdir(parents=True)
    (folder / "examples" / "invalid").mkdir()
    (folder / "v1.yaml").write_bytes((source / "v1.yaml").read_bytes())
    (example,) = sorted((source / "examples" / "valid").glob("01*.json"))
    body = {**json.loads(example.read_bytes()), "procedure": "cats/licence"}
    (folder / "examples" / "valid" / "a.json").write_text(json.dumps(body))
    expected = [{"pointer": "#/content", "code": "field.required"}]
    (folder / "examples" / "invalid" / "b.json").write_text(
        json.dumps({"expect": expected, "body": body})
    )

    text = terminal.run("schema", "check", "mine", code=1)

    assert "expected, not found: #/content  field.required" in text
