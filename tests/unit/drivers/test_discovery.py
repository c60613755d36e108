import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from gateway.drivers.discovery import Manifest, available, load, manifest
from gateway.sdk import ConfigError, Idempotency

MANIFEST = """
name = "{name}"
version = "1.2.0"
owner = "someone"
procedures = ["care/*"]
title = {{ ja = "試験", en = "Test" }}
features = {{ idempotency = "none", max_in_flight = 1, feedback = false, dry_run = false }}
quality = {{ tier = "none" }}
"""

CODE = """
from gateway.sdk import AdapterConfig, AdapterSpec

class Config(AdapterConfig):
    pass

class Toy:
    spec = AdapterSpec(name="{name}", version="{version}", config=Config)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator["Install"]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Install(tmp_path)
    for name in [name for name in sys.modules if name.startswith("toyhouse")]:
        del sys.modules[name]


class Install:
    """Lays an adapter's distribution down as an installer would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, *, code: str | None = None, text: str | None = None) -> None:
        package = self.folder / "toyhouse" / name.replace("-", "_")
        package.mkdir(parents=True)
        (self.folder / "toyhouse" / "__init__.py").write_text("raise RuntimeError('imported')\n")
        source = CODE.format(name=name, version="1.2.0") if code is None else code
        (package / "__init__.py").write_text(source)
        (package / "manifest.toml").write_text(
            MANIFEST.format(name=name) if text is None else text, encoding="utf-8"
        )
        metadata = self.folder / f"toy_{package.name}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: toy-{name}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(
            f"[kakehashi.adapters]\n{name} = toyhouse.{package.name}:Toy\n"
        )

    def importable(self) -> None:
        (self.folder / "toyhouse" / "__init__.py").write_text("")


def test_the_shipped_adapters_are_found() -> None:
    names = {found.name: found for found in available()}

    assert {"file", "http"} <= set(names)
    assert names["file"].features.idempotency is Idempotency.LOOKUP


def test_listing_adapters_imports_none_of_them(install: Install) -> None:
    install("toy")

    found = manifest("toy")

    assert found in available()
    assert found.title.ja == "試験"
    assert not any(name.startswith("toyhouse") for name in sys.modules)


def test_an_adapter_is_imported_when_it_is_asked_for(install: Install) -> None:
    install("toy")
    install.importable()

    adapter = load("toy")

    assert adapter.spec.name == "toy"


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("fiel", "did you mean file?"),
        ("htp", "did you mean http?"),
        ("kokuho", "there are: file, http"),
    ],
)
def test_an_unknown_name_is_refused_with_one_near_it_or_all(asked: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(asked)

    assert f"adapter {asked}: not installed; {hint}" in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "name = ",
        MANIFEST.format(name="other"),
        MANIFEST.format(name="toy") + "colour = 1\n",
        MANIFEST.format(name="toy").replace('owner = "someone"', ""),
    ],
)
def test_a_wrong_manifest_takes_only_its_own_adapter_away(install: Install, text: str) -> None:
    install("toy", text=text)

    with structlog.testing.capture_logs() as logs:
        names = {found.name for found in available()}

    assert names >= {"file", "http"}
    assert "toy" not in names
    assert [(log["event"], log["adapter"]) for log in logs] == [("adapter.refused", "toy")]
    with pytest.raises(ConfigError):
        load("toy")


def test_a_missing_manifest_and_a_missing_package_are_refused(install: Install) -> None:
    install("toy")
    (install.folder / "toyhouse" / "toy" / "manifest.toml").unlink()

    with pytest.raises(ConfigError, match=r"manifest\.toml cannot be read"):
        manifest("toy")
    (install.folder / "toyhouse" / "toy" / "__init__.py").unlink()
    (install.folder / "toyhouse" / "toy").rmdir()
    with pytest.raises(ConfigError, match="its package is not there"):
        manifest("toy")


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise ImportError('libmq')", r"toyhouse\.toy:Toy cannot be imported ImportError \("),
        ("\nimport libmq_no_such", r"ModuleNotFoundError: libmq_no_such \(__init__\.py:2\)"),
        ("from json import Jason", r"ImportError: json \(__init__\.py:1\)"),
        ("x = 1\ndef y(:", r"SyntaxError \(__init__\.py:2\)"),
        ("\nx = 1 / 0", r"ZeroDivisionError \(__init__\.py:2\)"),
        ("", r"toyhouse\.toy:Toy cannot be imported AttributeError: Toy$"),
        ("Toy = 1", "no spec"),
        ("class Toy: pass", "no spec"),
        (CODE.format(name="toy", version="2.0.0"), "version"),
        (CODE.format(name="tyo", version="1.2.0"), "name"),
    ],
)
def test_code_that_breaks_or_says_otherwise_than_its_manifest_is_refused(
    install: Install, code: str, said: str
) -> None:
    install("toy", code=code)
    install.importable()

    with pytest.raises(ConfigError, match=said):
        load("toy")


def test_a_wrong_manifest_is_told_in_one_line_for_each_key(install: Install) -> None:
    install("toy", text=MANIFEST.format(name="toy").replace("version", "release") + "colour = 1\n")

    with pytest.raises(ConfigError) as caught:
        manifest("toy")

    lines = caught.value.args[0].splitlines()
    assert sorted(line.split(": ")[2] for line in lines) == ["colour", "release", "version"]
    assert "http" not in caught.value.args[0]


def test_unknown_keys_of_a_manifest_are_not_kept() -> None:
    assert Manifest.model_config["extra"] == "forbid"


def test_an_adapter_below_folders_that_are_no_packages_is_told_by_name(install: Install) -> None:
    install("toy")
    (install.folder / "toyhouse" / "__init__.py").unlink()
    deep = install.folder / "toyhouse" / "deep"
    (deep / "toy").mkdir(parents=True)
    (deep / "toy" / "__init__.py").write_text("")
    entry_points = install.folder / "toy_toy-1.dist-info" / "entry_points.txt"
    entry_points.write_text("[kakehashi.adapters]\ntoy = toyhouse.deep.toy:Toy\n")

    with pytest.raises(ConfigError, match="adapter toy: its package is not there"):
        manifest("toy")
