"""The rules for Prometheus: they load, and each alert is tested, explained and well asked."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import generate_latest

from gateway.testing.metric_families import everything_told, metric_families

CONFIG: Final = Path(__file__).parents[3] / "config" / "prometheus"
HOWTO: Final = CONFIG.parents[1] / "docs" / "howto" / "alerts.md"
NAME: Final = re.compile(r"\bkakehashi[_:][a-z0-9_:]+")
Promtool = Callable[..., None]
WORDS: Final = ("summary", "meaning", "action")


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((CONFIG / name).read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


ALERTS: Final = rules("alerts.rules.yaml")
RECORDED: Final = rules("recording.rules.yaml")


def scraped_names() -> Iterator[str]:
    """Yield every name that a scrape may hold."""
    for name, family, _ in metric_families():
        yield name
        if family.type == "histogram":
            yield from (f"{name}_{suffix}" for suffix in ("bucket", "count", "sum"))


def test_the_rules_can_be_loaded(promtool: Promtool) -> None:
    promtool("check", "rules", "recording.rules.yaml", "alerts.rules.yaml")


def test_the_example_configuration_of_prometheus_can_be_loaded(promtool: Promtool) -> None:
    promtool("check", "config", "prometheus.example.yaml")


@pytest.mark.parametrize("file", sorted((CONFIG / "tests").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_alert_fires_on_its_fault_alone_and_resolves(promtool: Promtool, file: Path) -> None:
    promtool("test", "rules", str(file))


def test_prometheus_finds_nothing_to_object_to_in_what_is_told(promtool: Promtool) -> None:
    metrics = everything_told()

    promtool("check", "metrics", given=generate_latest(metrics._registry))


def test_rules_ask_only_for_metrics_that_there_are() -> None:
    known = {*scraped_names(), *(rule["record"] for rule in RECORDED)}
    asked = {name for rule in (*RECORDED, *ALERTS) for name in NAME.findall(rule["expr"])}

    assert asked - known == set()


def test_every_alert_is_tested() -> None:
    tested = {
        test["name"]
        for file in (CONFIG / "tests").glob("*.yaml")
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]
    }

    assert {rule["alert"] for rule in ALERTS} - tested == set()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_says_in_both_languages_what_it_means_and_what_to_do(
    alert: dict[str, Any],
) -> None:
    words = alert["annotations"]
    page, _, anchor = words["howto"].partition("#")

    assert all(words[f"{each}_{language}"] for each in WORDS for language in ("ja", "en"))
    assert alert["labels"]["severity"] in {"critical", "warning", "info"}
    assert page == "docs/howto/alerts.md"
    assert anchor == alert["alert"].lower()
    assert f'<a id="{anchor}"></a>' in HOWTO.read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_names_no_process_where_several_tell_the_same(alert: dict[str, Any]) -> None:
    """An alert for each gateway of one journal would be a storm."""
    told_by_all = re.compile(
        r"kakehashi_(deliveries|oldest_\w+|halted_order_keys|workers|destination_held|"
        r"webhook\w*_(waiting|disabled)|log_(?!fields)\w+|journal_readable|account_token_\w+)\b"
    )
    for found in told_by_all.finditer(alert["expr"]):
        before = alert["expr"][: found.start()]
        within = r"(max|min|sum) by \([a-z, ]+\) \((min_over_time\()?$"
        assert re.search(within, before), found.group()
