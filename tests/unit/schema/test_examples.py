"""Every shipped example: what is called valid is, what is called invalid fails exactly so."""

import json
from pathlib import Path

import pytest

from gateway.schema.catalogue import Catalogue, load_catalogue, procedure_files, shipped_schemas
from gateway.schema.envelope import Checked, check
from gateway.schema.parse import parse_json

LEAST_VALID, LEAST_INVALID = 3, 6


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def examples(kind: str) -> list[object]:
    root = shipped_schemas()
    paths = sorted(root.glob(f"*/*/examples/{kind}/*.json"))
    return [pytest.param(path, id=path.relative_to(root).as_posix()) for path in paths]


@pytest.mark.parametrize("path", examples("valid"))
def test_a_valid_example_has_no_errors(path: Path, catalogue: Catalogue) -> None:
    checked = check(parse_json(path.read_bytes()), catalogue)

    assert isinstance(checked, Checked), checked


@pytest.mark.parametrize("path", examples("invalid"))
def test_an_invalid_example_has_exactly_the_errors_it_expects(
    path: Path, catalogue: Catalogue
) -> None:
    example = json.loads(path.read_bytes())

    errors = check(parse_json(json.dumps(example["body"]).encode()), catalogue)

    assert isinstance(errors, tuple)
    found = [{"pointer": error.pointer, "code": error.code} for error in errors]
    assert found == example["expect"]


@pytest.mark.parametrize("path", procedure_files(shipped_schemas()), ids=lambda p: p.parent.name)
def test_every_procedure_has_enough_examples(path: Path) -> None:
    folder = path.parent / "examples"

    assert len(list((folder / "valid").glob("*.json"))) >= LEAST_VALID
    assert len(list((folder / "invalid").glob("*.json"))) >= LEAST_INVALID
