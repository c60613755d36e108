"""Grafana's dashboards: they ask for metrics and labels that there are, of a chosen data source."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from gateway.testing.metric_families import metric_families

CONFIG: Final = Path(__file__).parents[3] / "config"
FILES: Final = sorted((CONFIG / "grafana").glob("*.json"))
SCRAPED_WITH: Final = {"job", "instance", "le"}
"""What Prometheus adds to every series, and what histograms have."""
PROCESS: Final = {
    "process_cpu_seconds_total": set[str](),
    "process_resident_memory_bytes": set[str](),
}
"""Metrics of Prometheus's client (``ProcessCollector``) that are drawn."""
NAME: Final = re.compile(r"\b(?:kakehashi|process)[_:][a-z0-9_:]+")
SELECTED: Final = re.compile(r"([a-z_:0-9]+)\{([^}]*)\}")
LABEL: Final = re.compile(r"([a-z_]+)\s*(?:=~|!~|!=|=)")
GROUPED: Final = re.compile(r"\b(?:by|on) \(([a-z_, ]+)\)")
SHOWN: Final = re.compile(r"\{\{([a-z_]+)\}\}")


def known() -> dict[str, set[str]]:
    """Return each name that can be asked for, with its labels."""
    names = dict(PROCESS)
    for name, family, labels in metric_families():
        names[name] = set(labels)
        if family.type == "histogram":
            names |= {f"{name}_{suffix}": set(labels) for suffix in ("bucket", "count", "sum")}
    rules = yaml.safe_load((CONFIG / "prometheus" / "recording.rules.yaml").read_text("utf-8"))
    for rule in rules["groups"][0]["rules"]:
        grouped = GROUPED.findall(rule["expr"])
        names[rule["record"]] = {label.strip() for each in grouped for label in each.split(",")}
    return names


KNOWN: Final = known()


def dashboard(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text(encoding="utf-8")))


def queries(file: Path) -> Iterator[tuple[str, str]]:
    """Yield every query with its legend."""
    for panel in dashboard(file)["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]


def test_prometheus_can_read_every_query(promtool: Callable[..., None], tmp_path: Path) -> None:
    asked = [expr for file in FILES for expr, _ in queries(file)]
    rules = [{"record": f"asked:{number}", "expr": expr} for number, expr in enumerate(asked)]
    written = tmp_path / "asked.yaml"
    written.write_text(json.dumps({"groups": [{"name": "asked", "rules": rules}]}), "utf-8")

    promtool("check", "rules", "--lint=none", str(written))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_asks_only_for_metrics_that_there_are(file: Path) -> None:
    asked = {name for expr, _ in queries(file) for name in NAME.findall(expr)}
    variables = json.dumps(dashboard(file)["templating"])
    asked |= {name for name in NAME.findall(variables) if not name.startswith("kakehashi_data")}

    assert asked
    assert asked - KNOWN.keys() == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_uses_only_labels_that_its_metrics_have(file: Path) -> None:
    for expr, legend in queries(file):
        for name, selectors in SELECTED.findall(expr):
            assert set(LABEL.findall(selectors)) <= KNOWN[name] | SCRAPED_WITH, expr
        labels = set().union(*(KNOWN[name] for name in NAME.findall(expr))) | SCRAPED_WITH
        for group in GROUPED.findall(expr):
            assert {label.strip() for label in group.split(",")} <= labels, expr
        assert set(SHOWN.findall(legend)) <= labels, (expr, legend)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_says_what_each_panel_means_and_takes_any_data_source(file: Path) -> None:
    board = dashboard(file)
    variables = {each["name"] for each in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]+)", json.dumps(board["panels"])))

    assert all(panel["description"] for panel in board["panels"])
    assert used <= variables | {"__all"}
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_two_panels_of_a_dashboard_lie_on_each_other(file: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard(file)["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells


def test_every_dashboard_has_a_name_of_its_own() -> None:
    assert len({dashboard(file)["uid"] for file in FILES}) == len(FILES) == 4
