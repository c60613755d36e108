import json
from pathlib import Path

import pytest

from gateway.schema.catalogue import shipped_schemas
from tests.unit.cli.conftest import Terminal

VALID = str(shipped_schemas() / "care" / "certification-claim" / "examples" / "valid")
INVALID = str(shipped_schemas() / "care" / "certification-claim" / "examples" / "invalid")


def test_adapters_are_listed_with_what_they_promise(terminal: Terminal) -> None:
    listed = {one["name"]: one for one in terminal.ask("adapter", "list")}

    assert listed["file"]["features"]["idempotency"] == "lookup"
    assert "idempotency at most lookup" in terminal.run("adapter", "list")


def test_another_s_tier_is_told_as_a_claim(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "soap_house"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "manifest.toml").write_text(
        'name = "soap"\nversion = "1.0.0"\nowner = "x"\nprocedures = ["*"]\n'
        'title = {ja = "福祉", en = "Welfare"}\nquality = {tier = "gold"}\n'
        'features = {idempotency = "none", max_in_flight = 1, feedback = false, dry_run = false}\n',
        "utf-8",
    )
    installed = tmp_path / "soap_house-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: soap-house\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[kakehashi.adapters]\nsoap = soap_house:Soap\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    listed = terminal.run("adapter", "list")

    assert "soap 1.0.0  claims gold  Welfare" in listed
    assert "http 1.1.0  silver  " in listed
    shipped = {one["name"]: one["shipped"] for one in terminal.ask("adapter", "list")}
    assert (shipped["soap"], shipped["http"]) == (False, True)


def test_a_destination_that_is_well_is_told(terminal: Terminal) -> None:
    assert terminal.ask("adapter", "check", "delivered")["ok"]
    assert terminal.run("adapter", "check", "delivered").startswith("ok")


def test_a_core_system_that_is_not_there_is_not_well(terminal: Terminal) -> None:
    Path("a-file").touch()
    Path("c.yaml").write_text(
        json.dumps(
            {
                "municipalities": {"131016": {"name": "千代田区"}},
                "destinations": {
                    "core": {
                        "municipality": "131016",
                        "adapter": "http",
                        "config": {"url": "http://127.0.0.1:1/"},
                    }
                },
            }
        )
    )

    checked = terminal.ask("adapter", "check", "core", "--config", "c.yaml", code=1)

    assert not checked["ok"]
    assert checked["detail"]


def test_an_unknown_destination_is_told_with_those_that_there_are(terminal: Terminal) -> None:
    assert "There are: delivered" in terminal.run("adapter", "check", "nope", code=2)


def test_samples_go_through_a_destinations_adapter_without_any_gateway(terminal: Terminal) -> None:
    results = terminal.ask("adapter", "run", "delivered", "--samples", VALID)

    assert {one["result"] for one in results} == {"delivered"}
    arrived = {path.name for path in Path("var/delivered").glob("*.json")}
    assert arrived == {one["reference"] for one in results}
    assert not Path("var/journal.db").exists()


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(terminal: Terminal) -> None:
    results = terminal.ask("adapter", "run", "delivered", "--samples", VALID, "--dry-run")

    assert {one["result"] for one in results} == {"previewed"}
    assert all(json.loads(one["preview"])["receipt_number"] for one in results)
    assert [*Path("var/delivered").glob("*.json")] == []


def test_a_sample_that_no_gateway_would_accept_is_not_sent(terminal: Terminal) -> None:
    results = terminal.ask("adapter", "run", "delivered", "--samples", INVALID, code=1)

    assert {one["result"] for one in results} == {"invalid"}
    assert "#/procedure" in terminal.run(
        "adapter", "run", "delivered", "--samples", INVALID, code=1
    )


def test_an_adapter_is_run_with_the_config_beside_each_sample(terminal: Terminal) -> None:
    body = (Path(VALID) / "01-new-for-the-father.json").read_bytes()
    Path("samples").mkdir()
    Path("samples/a.message.json").write_bytes(body)
    Path("samples/ignored.json").write_text("{}")

    assert "a.config.json" in terminal.run("adapter", "run", "file", "--samples", "samples", code=2)
    Path("samples/a.config.json").write_text('{"folder": "dropped"}')
    (result,) = terminal.ask("adapter", "run", "file", "--samples", "samples")

    assert Path("dropped", result["reference"]).exists()


def test_what_the_adapter_refuses_is_told_by_code_and_pointer(terminal: Terminal) -> None:
    columns = [{"name": "番号", "pointer": "/content/no_such_field", "required": True}]
    config = {"folder": "dropped", "format": "csv", "csv": {"columns": columns}}
    Path("config.yaml").write_text(json.dumps(config))
    command = ["adapter", "run", "file", "--samples", VALID, "--adapter-config", "config.yaml"]

    (first, *_) = terminal.ask(*command, code=1)

    assert first["result"] == "rejected"
    assert first["code"] == "field.missing"
    assert "field.missing" in terminal.run(*command, code=1)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["fil", "--samples", VALID], "did you mean file?"),
        (["delivered", "--samples", "empty"], "holds no request bodies"),
        (["delivered", "--samples", VALID, "--adapter-config", "x.yaml"], "--adapter-config"),
        (["file", "--samples", VALID, "--adapter-config", "x.yaml"], "must be a mapping"),
    ],
)
def test_what_cannot_be_run_is_a_usage_error(
    terminal: Terminal, words: list[str], expected: str
) -> None:
    Path("empty").mkdir()
    Path("x.yaml").write_text("[]")

    assert expected in terminal.run("adapter", "run", *words, code=2)


def test_one_sample_is_run_alone(terminal: Terminal) -> None:
    sample = str(Path(VALID) / "01-new-for-the-father.json")

    (result,) = terminal.ask("adapter", "run", "delivered", "--sample", sample, "--dry-run")

    assert result["sample"] == "01-new-for-the-father.json"
    assert '"receipt_number"' in terminal.run(
        "adapter", "run", "delivered", "--sample", sample, "--dry-run"
    )
    assert "--sample" in terminal.run("adapter", "run", "delivered", code=2)


def test_the_health_of_every_destination_is_listed_where_it_is_asked_for(
    terminal: Terminal,
) -> None:
    listed = terminal.ask("adapter", "list", "--health")

    assert listed["destinations"] == [
        {"destination": "delivered", "adapter": "file", "ok": True, "detail": ""}
    ]
    assert "ok  delivered" in terminal.run("adapter", "list", "--health")
    assert "delivered" not in terminal.run("adapter", "list")


def test_an_adapter_is_checked_with_a_config_of_its_own(terminal: Terminal) -> None:
    Path("config.json").write_text('{"folder": "dropped"}')

    assert terminal.ask("adapter", "check", "file", "--adapter-config", "config.json")["ok"]
    assert "--adapter-config" in terminal.run("adapter", "check", "file", code=2)
