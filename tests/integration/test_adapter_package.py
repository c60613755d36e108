"""An adapter of somebody else's: written by ``adapter new``, installed by pip, found and run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.adapter_readme import configuration_section

COMMAND = Path(sys.executable).parent / "kakehashi"


class Machine:
    """A folder to work in, and a folder of packages on Python's path."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.packages = home / "packages"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "PYTHONPATH": str(self.packages),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LANG": "C.UTF-8",
        }

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            timeout=90,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ask(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(str(COMMAND), "adapter", *words, "--json", code=code))

    def install(self, folder: str) -> None:
        """Install a package as pip does, without a network and into a folder of its own."""
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target"]
        self.run(sys.executable, "-m", "pip", "install", *options, str(self.packages), folder)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """With a new adapter in its folder ``zaisan-core``, and the same installed."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    machine.ask("new", "zaisan-core", "--title", "Property tax", "--title-ja", "固定資産税")
    machine.install("./zaisan-core")
    return machine


def test_a_new_adapter_passes_the_contract_kit_at_once(machine: Machine) -> None:
    told = machine.run(str(COMMAND), "adapter", "test", "zaisan-core")

    assert "FAILED" not in told
    assert "not installed" not in told


def test_a_new_adapter_passes_the_linters_of_the_house(machine: Machine) -> None:
    project = Path(__file__).parent.parent.parent / "pyproject.toml"
    # In a package of its own the gateway is a third party.
    sorting = 'lint.isort.known-third-party = ["gateway"]'
    sources = 'src = ["zaisan-core"]'
    ruff = [sys.executable, "-m", "ruff"]
    house = ["--no-cache", "--config", str(project), "zaisan-core"]

    machine.run(*ruff, "check", "--config", sorting, "--config", sources, *house)
    machine.run(*ruff, "format", "--check", *house)


def test_an_adapter_of_another_package_is_found_and_run(machine: Machine) -> None:
    listed = {one["name"]: one for one in machine.ask("list")}
    (result,) = machine.ask(
        "run", "zaisan-core", "--samples", "zaisan-core/zaisan_core/samples", "--dry-run"
    )

    assert listed["zaisan-core"]["title"]["ja"] == "固定資産税"
    assert result["result"] == "previewed"
    assert json.loads(result["preview"])["receipt_number"]
    assert not (machine.packages / "zaisan_core" / "tests").exists()


def test_an_installed_adapter_whose_core_system_is_away_is_not_well(machine: Machine) -> None:
    core = {"host": "127.0.0.1", "port": 1, "token": "not-a-secret"}
    (machine.home / "c.yaml").write_text(json.dumps(core))
    config = {
        "municipalities": {"131016": {"name": "千代田区"}},
        "destinations": {
            "zaisan": {"municipality": "131016", "adapter": "zaisan-core", "config": core},
            "gone": {"municipality": "131016", "adapter": "no-such"},
        },
    }
    (machine.home / "k.yaml").write_text(json.dumps(config))

    alone = machine.ask("check", "zaisan-core", "--adapter-config", "c.yaml", code=1)
    listed = machine.ask("list", "--health", "--config", "k.yaml", code=1)

    assert alone["detail"] == "zaisan-core.not_connected"
    told = {one["destination"]: one["detail"] for one in listed["destinations"]}
    assert told["zaisan"] == "zaisan-core.not_connected"
    assert "not installed" in told["gone"]


def test_the_readme_of_a_new_adapter_has_its_configuration(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(machine.home / "zaisan-core"))
    model = __import__("zaisan_core").ZaisanCoreConfig

    readme = (machine.home / "zaisan-core/zaisan_core/README.md").read_text(encoding="utf-8")

    assert configuration_section(model) in readme
    assert "{{" not in readme
