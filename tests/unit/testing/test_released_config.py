import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import pytest
from pydantic import Field, field_validator

from gateway.sdk import AdapterConfig, AdapterSpec
from gateway.testing.adapter_kit.bench import Bench
from gateway.testing.adapter_kit.checks.configuration import ConfigurationChecks
from gateway.testing.adapter_kit.released import narrowed, released_schema


def a_schema(fields: Mapping[str, Any]) -> dict[str, Any]:
    annotations = {name: each[0] for name, each in fields.items()}
    defaults = {name: each[1] for name, each in fields.items() if len(each) > 1}
    model = type("Config", (AdapterConfig,), {"__annotations__": annotations, **defaults})
    return dict(model.model_json_schema())


class Inner(AdapterConfig):
    """A model in a model."""

    width: int = 1


class Narrow(AdapterConfig):
    """The same, with less."""

    width: Annotated[int, Field(le=9)] = 1


NARROWED = {
    "a field is gone": ({"a": (int, 1)}, {}, "config.a"),
    "a new field is required": ({}, {"a": (int,)}, "config.a"),
    "a field has become required": ({"a": (int, 1)}, {"a": (int,)}, "config.a"),
    "another type": ({"a": (int, 1)}, {"a": (str, "")}, "config.a"),
    "no longer nothing": ({"a": (int | None, 1)}, {"a": (int, 1)}, "config.a"),
    "a bound": ({"a": (int, 1)}, {"a": (Annotated[int, Field(le=5)], 1)}, "config.a"),
    "a lower bound": (
        {"a": (Annotated[int, Field(le=9)], 1)},
        {"a": (Annotated[int, Field(le=5)], 1)},
        "config.a",
    ),
    "a length": ({"a": (str, "")}, {"a": (Annotated[str, Field(min_length=1)], "x")}, "config.a"),
    "a pattern": ({"a": (str, "")}, {"a": (Annotated[str, Field(pattern="x")], "x")}, "config.a"),
    "a word less": (
        {"a": (Literal["x", "y", "z"], "x")},
        {"a": (Literal["x", "y"], "x")},
        "config.a",
    ),
    "words for any text": ({"a": (str, "x")}, {"a": (Literal["x", "y"], "x")}, "config.a"),
    "inside a model": ({"a": (Inner, Inner())}, {"a": (Narrow, Narrow())}, "config.a.width"),
    "inside a list": ({"a": (list[Inner], [])}, {"a": (list[Narrow], [])}, "config.a.*.width"),
    "inside a map": ({"a": (dict[str, int], {})}, {"a": (dict[str, str], {})}, "config.a.*"),
}

WIDENED = {
    "a new field with a default": ({}, {"a": (int, 1)}),
    "nothing, too": ({"a": (int, 1)}, {"a": (int | None, 1)}),
    "fractions, too": ({"a": (int, 1)}, {"a": (float, 1)}),
    "a higher bound": (
        {"a": (Annotated[int, Field(le=5)], 1)},
        {"a": (Annotated[int, Field(le=9)], 1)},
    ),
    "a word more": ({"a": (Literal["x", "y"], "x")}, {"a": (Literal["x", "y", "z"], "x")}),
    "any text for words": ({"a": (Literal["x", "y"], "x")}, {"a": (str, "x")}),
    "no longer required": ({"a": (int,)}, {"a": (int, 1)}),
    "a model in place of a smaller one": (
        {"a": (Narrow, Narrow())},
        {"a": (Inner, Inner())},
    ),
}


@pytest.mark.parametrize("name", NARROWED)
def test_what_is_no_longer_accepted_is_named(name: str) -> None:
    old, new, path = NARROWED[name]

    assert list(narrowed(a_schema(old), a_schema(new))) == [path]


@pytest.mark.parametrize("name", WIDENED)
def test_what_accepts_more_is_fine(name: str) -> None:
    old, new = WIDENED[name]

    assert list(narrowed(a_schema(old), a_schema(new))) == []


def test_the_newest_release_counts_by_number(tmp_path: Path) -> None:
    folder = tmp_path / "released"
    folder.mkdir()
    for version in ("1.9.0", "1.10.0", "1.2.0"):
        path = folder / f"config-{version}.schema.json"
        path.write_text(f'{{"title": "{version}"}}', encoding="utf-8")

    assert released_schema(tmp_path) == {"title": "1.10.0"}
    assert released_schema(folder) is None


class Config(AdapterConfig):
    """Of which a schema cannot say all."""

    port: int

    @field_validator("port")
    @classmethod
    def _is_even(cls, port: int) -> int:
        if port % 2:
            raise ValueError("odd")
        return port


class Adapter:
    spec = AdapterSpec(name="toy", version="1.1.0", config=Config)

    def __init__(self, config: Config) -> None:
        """Keep nothing."""


@dataclass
class ABench:
    """As much of a bench as the check of configurations needs."""

    home: Path
    spec: AdapterSpec = Adapter.spec

    def construct(self, config: dict[str, object]) -> Adapter:
        return Adapter(Config.model_validate(config))


def test_a_validator_that_refuses_a_released_sample_is_noticed(tmp_path: Path) -> None:
    bench = cast("Bench", ABench(tmp_path))
    folder = tmp_path / "released"
    folder.mkdir()
    schema, samples = (folder / f"config-1.0.0.{kind}.json" for kind in ("schema", "samples"))
    schema.write_text(json.dumps(Config.model_json_schema()), encoding="utf-8")
    check = ConfigurationChecks().test_released_config_is_still_accepted

    check(bench)  # earlier releases kept no samples
    samples.write_text('[{"port": 2}]', encoding="utf-8")
    check(bench)
    samples.write_text('[{"port": 2}, {"port": 3}]', encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match="refuses a sample of the last release at port"):
        check(bench)
