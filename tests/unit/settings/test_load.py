"""What is wrong in a configuration is told by key and place, and never with its text."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.domain.errors import ConfigError
from gateway.settings.load import CONFIG_VARIABLE, build, load

COMPLETE: dict[str, Any] = {
    "municipalities": {"131016": {"name": "千代田区"}, "011002": {"name": "札幌市"}},
    "clients": {"portal": {"municipalities": ["131016"], "procedures": ["*"]}},
    "destinations": {
        "core": {"municipality": "131016", "adapter": "file"},
        "north": {"municipality": "011002", "adapter": "file"},
    },
    "routes": [{"municipality": "131016", "procedure": "*", "to": ["core"]}],
    "workers": {"w1": {"destinations": ["core", "north"]}},
}


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAKEHASHI_CONFIG", "KAKEHASHI_NODE"):
        monkeypatch.delenv(name, raising=False)


def refused(document: dict[str, Any]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(document)
    return str(caught.value.args[0]).splitlines()


def changed(path: str, value: object) -> dict[str, Any]:
    """Return the complete document with one key changed; the path is dotted."""
    document = json.loads(json.dumps(COMPLETE))
    *parents, last = path.split(".")
    place: Any = document
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    place[int(last) if isinstance(place, list) else last] = value
    return document


def test_a_complete_configuration_is_taken_and_cannot_change() -> None:
    settings = build(COMPLETE)

    assert settings.destinations["core"].retry.policy().max_attempts == 12
    with pytest.raises(ValueError, match="frozen"):
        settings.node = "other"


def test_nothing_at_all_is_a_configuration() -> None:
    assert build({}).journal.url.startswith("sqlite:")


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        ("node", "GW 1", "node: must be a name of a-z, 0-9 and -, at most 63 characters"),
        ("node", "a" * 64, "node: must be a name of a-z, 0-9 and -, at most 63 characters"),
        ("municipalities.131017", {"name": "x"}, "municipalities.131017.[key]: must be a 全国"),
        ("municipalities.131016", {}, "municipalities.131016.name: Field required"),
        ("destinations.core.municipality", "131017", "destinations.core.municipality: must be a"),
        (
            "destinations.north.municipality",
            "271004",
            "destinations.north.municipality: 271004 is not among municipalities",
        ),
        ("destinations.core.settle_s", float("inf"), "destinations.core.settle_s: Input should"),
        ("destinations.core.settle_s", float("nan"), "destinations.core.settle_s: Input should"),
        ("destinations.core.send_timeout_s", 0, "destinations.core.send_timeout_s: Input should"),
        ("destinations.core.idempotency", "some", "destinations.core.idempotency: Input should"),
        ("destinations.core.max_in_flight", 0, "destinations.core.max_in_flight: Input should"),
        ("destinations.core.send_timeout_s", 1501, "destinations.core.send_timeout_s: Input"),
        ("destinations.core.retry", {"max_age_s": 0}, "destinations.core.retry.max_age_s: Input"),
        ("routes.0.municipality", "271004", "routes.0.municipality: 271004 is not among muni"),
        ("routes.0.to", [], "routes.0.to: Tuple should have at least 1 item"),
        ("routes.0.to", ["cor"], "routes.0.to: cor is not among destinations"),
        ("routes.0.to", ["north"], "routes.0.to: north belongs to 011002"),
        (
            "clients.portal.municipalities",
            ["271004"],
            "clients.portal.municipalities: 271004 is not among municipalities",
        ),
        ("workers.w1.destinations", ["x"], "workers.w1.destinations: x is not among destinations"),
        ("http", {"port": 65536}, "http.port: Input should be less than or equal to 65535"),
        ("http", {"max_body_bytes": 2_097_153}, "http.max_body_bytes: Input should be less"),
        ("http", {"requests_per_s": 0}, "http.requests_per_s: Input should be greater than 0"),
        ("log", {"level": "loud"}, "log.level: Input should be 'debug', 'info', 'warning'"),
        ("broker", {"sweep_s": 61}, "broker.sweep_s: Input should be less than or equal to 60"),
        ("journal", {"max_unfinished": 0}, "journal.max_unfinished: Input should be greater"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(path: str, value: object, line: str) -> None:
    [told] = refused(changed(path, value))

    assert told.startswith(line)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("nodes", "nodes: unknown key (did you mean node?)"),
        ("http.prt", "http.prt: unknown key (did you mean port?)"),
        ("destinations.core.adaptor", "destinations.core.adaptor: unknown key (did you mean ada"),
        ("destinations.core.retry.cap", "destinations.core.retry.cap: unknown key (did you mean"),
        ("routes.0.munizipality", "routes.0.munizipality: unknown key (did you mean municipality"),
        ("clients.portal.procedure", "clients.portal.procedure: unknown key (did you mean proc"),
        ("zzz", "zzz: unknown key"),
        ("_env_file", "_env_file: unknown key"),
    ],
)
def test_an_unknown_key_is_told_with_the_nearest_known_one(path: str, line: str) -> None:
    document = changed("http", {})
    document["destinations"]["core"]["retry"] = {}
    place: Any = document
    *parents, last = path.split(".")
    for parent in parents:
        place = place[int(parent) if isinstance(place, list) else parent]
    place[last] = 1

    [told] = refused(document)

    assert told.startswith(line)


def test_a_destination_that_is_called_like_a_setting_confuses_no_suggestion() -> None:
    named = {"adapter": {"municipality": "131016", "adapter": "file", "adaptor": 1}}

    [told] = refused({**COMPLETE, "routes": [], "workers": {}, "destinations": named})

    assert told == "destinations.adapter.adaptor: unknown key (did you mean adapter?)"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    document = {"http": {"port": -1, "x": 1}, "log": {"level": 5}, "municipalities": []}

    assert [line.partition(":")[0] for line in refused(document)] == [
        "http.port",
        "http.x",
        "log.level",
        "municipalities",
    ]


# The environment


def test_the_environment_wins_over_the_file_key_by_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHI_HTTP__PORT", "9000")
    monkeypatch.setenv("KAKEHASHI_DESTINATIONS__CORE__RETRY__MAX_ATTEMPTS", "3")
    monkeypatch.setenv("KAKEHASHI_DESTINATIONS__CORE__CONFIG__PASSWORD", "from the environment")

    settings = build({**COMPLETE, "http": {"port": 1, "host": "::1"}})

    assert (settings.http.port, settings.http.host) == (9000, "::1")
    assert settings.destinations["core"].retry.max_attempts == 3
    assert settings.destinations["core"].adapter == "file"
    assert settings.destinations["core"].config == {"password": "from the environment"}


@pytest.mark.parametrize(
    ("variable", "value", "line"),
    [
        ("KAKEHASHI_NODES", "x", "KAKEHASHI_NODES: unknown setting nodes (did you mean node?)"),
        ("KAKEHASHI_HTTP__PRT", "1", "KAKEHASHI_HTTP__PRT: unknown setting prt (did you mean p"),
        ("KAKEHASHI_HTTP__PORT", "hunter2", "http.port: Input should be a valid integer"),
        ("KAKEHASHI_HTTP", "hunter2", "error parsing value for field"),
        ("KAKEHASHI_ROUTES", "[{]", "error parsing value for field"),
        ("KAKEHASHI_NODE", "Hunter2", "node: must be a name"),
        ("KAKEHASHI_LOG__LEVEL__X", "hunter2", "log.level: Input should be"),
        ("KAKEHASHI_", "hunter2", "KAKEHASHI_: unknown setting"),
    ],
)
def test_a_wrong_variable_is_told_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, line: str
) -> None:
    monkeypatch.setenv(variable, value)

    [told] = refused({})

    assert told.startswith(line)
    assert "unter2" not in told


def test_other_variables_are_nobody_s_business(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAKEHASHIX", "1")
    monkeypatch.setenv("NODE", "1")

    assert build({}).node == "gw-1"


# The file


def loaded(folder: Path, text: bytes) -> Any:
    path = folder / "kakehashi.yaml"
    path.write_bytes(text)
    return load(path)


def refusal(folder: Path, text: bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value)


def test_a_file_is_found_by_argument_by_variable_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kakehashi.yaml"
    path.write_text("node: gw-7\n")

    by_argument = load(path).node
    without = load().node
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))
    by_variable = load().node

    assert (by_argument, without, by_variable) == ("gw-7", "gw-1", "gw-7")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "says nothing"),
        (b"# node: gw-1\n", "says nothing"),
        (b"- a", "must be a mapping of sections"),
        (b"node", "must be a mapping of sections"),
        (b"node: a\nhttp: {}\nnode: b", "node: stands twice (line 3)"),
        (b"http: {port: 1, port: 2}", "port: stands twice (line 1)"),
        (b"? [a]\n: 1", "a list or mapping cannot be a key (line 1)"),
        (b"node:\tx\n\ta: 1", "cannot start any token (line 1, column 6)"),
        (b"http:\n\tport: 1", "cannot start any token (line 2, column 1)"),
        (b"a: [", "not YAML: expected the node content"),
        (b"node: a\n---\nnode: b", "another document (line 2, column 1)"),
        ("node: 千".encode("cp932"), "not UTF-8 (byte 7)"),
        ("node: 千".encode("utf-16"), "not UTF-8 (byte 1)"),
        (b"node: \x00", "a character, date or number is none"),
        (b"node: 2026-13-45", "a character, date or number is none"),
        (b"a: " + b"[" * 5000, "nested too deeply"),
        (b"a: &a [*a]", "aliases: too many values, or one inside itself"),
        (b"1: 2", "1: unknown key"),
        (b"node: !!python/object:os.system x", "could not determine a constructor for the tag"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_file_that_is_no_configuration_is_told_by_its_place(
    tmp_path: Path, text: bytes, told: str
) -> None:
    assert told in refusal(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "journal:\n  url: postgresql://gw:hunter2@db/kakehashi: x",
        "destinations:\n  core: {config: {password: 'hunter2}}",
        "password: *hunter2",
        "password: !hunter2 x",
        "password: &hunter2",
        "journal: hunter2",
        "journal: {max_unfinished: hunter2}",
        "routes: [hunter2]",
        "log: {level: hunter2}",
        "destinations: {core: {municipality: hunter2, adapter: x}}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, text: str) -> None:
    assert "hunter2" not in refusal(tmp_path, text.encode())


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: No such file"):
        load(tmp_path / "nowhere.yaml")


def test_a_yaml_bomb_is_refused_and_an_honest_alias_is_not(tmp_path: Path) -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 10)]
    honest = (
        "municipalities: {'131016': {name: 千代田区}}\n"
        "destinations:\n"
        "  one: {municipality: '131016', adapter: file, retry: &retry {max_attempts: 2}}\n"
        "  two: {municipality: '131016', adapter: file, retry: *retry}\n"
    )

    assert "aliases" in refusal(tmp_path, "\n".join(bomb).encode())
    settings = loaded(tmp_path, honest.encode())
    assert settings.destinations["two"].retry.max_attempts == 2
