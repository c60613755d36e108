import json
from pathlib import Path

import pytest

from gateway.domain.errors import ConfigError
from gateway.schema.catalogue import Catalogue, load_catalogue, shipped_schemas
from gateway.schema.rules import broken_rules

SCHEMA = """
x-title: {ja: 試し, en: Trial}
x-source: "架空の条例"
type: object
additionalProperties: true
required: [applicant, content]
properties:
  applicant: {$ref: "https://example.invalid/who"}
  content:
    x-title: {ja: 内容, en: Content}
    type: object
    additionalProperties: false
    properties:
      note: {x-title: {ja: メモ, en: Note}, type: string, format: mj-text, maxLength: 5}
"""
SHARED = """
$id: "https://example.invalid/who"
x-title: {ja: 者, en: Who}
x-sensitive: personal
type: object
additionalProperties: false
properties:
  my_number:
    x-title: {ja: 番号, en: Number}
    x-sensitive: my-number
    type: string
    format: my-number
"""


def write(root: Path, schema: str = SCHEMA, name: str = "town/trial", version: int = 1) -> Path:
    folder = root / name
    (folder / "examples" / "valid").mkdir(parents=True, exist_ok=True)
    (root / "shared").mkdir(exist_ok=True)
    (root / "shared" / "who.yaml").write_text(SHARED, "utf-8")
    (folder / f"v{version}.yaml").write_text(schema, "utf-8")
    example = {"procedure": name, "version": version, "applicant": {}, "content": {}}
    path = folder / "examples" / "valid" / f"{version}.json"
    path.write_text(json.dumps(example), "utf-8")
    return folder / f"v{version}.yaml"


def refusal(root: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        load_catalogue(root)
    return str(caught.value)


def test_the_shipped_procedures_are_the_three_of_the_first_release() -> None:
    procedures = load_catalogue().procedures()

    assert [(procedure.name, procedure.version) for procedure in procedures] == [
        ("care/certification-claim", 1),
        ("childcare/allowance-claim", 1),
        ("disaster/damage-certificate", 1),
    ]
    for procedure in procedures:
        assert procedure.title["ja"]
        assert procedure.title["en"]
        assert "法" in procedure.source


def test_a_procedure_is_found_by_name_and_version(tmp_path: Path) -> None:
    write(tmp_path)
    write(tmp_path, version=12)

    catalogue = load_catalogue(tmp_path)

    first, latest = catalogue.get("town/trial", 1), catalogue.latest("town/trial")
    assert first is not None
    assert latest is not None
    assert (first.version, latest.version) == (1, 12)
    assert catalogue.get("town/trial", 2) is None
    assert catalogue.latest("town/other") is None
    assert [procedure.version for procedure in catalogue.procedures()] == [1, 12]
    assert latest.example["version"] == 12


def test_a_municipalitys_own_folder_adds_to_the_shipped_one(tmp_path: Path) -> None:
    write(tmp_path)

    catalogue = load_catalogue(shipped_schemas(), tmp_path)

    assert catalogue.latest("town/trial")
    assert catalogue.latest("childcare/allowance-claim")


def test_a_version_may_not_stand_in_two_folders(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name)

    with pytest.raises(ConfigError, match="two folders"):
        load_catalogue(tmp_path / "a", tmp_path / "b")


def test_the_published_schema_stands_alone(tmp_path: Path) -> None:
    write(tmp_path)

    for catalogue in (load_catalogue(tmp_path), load_catalogue()):
        for procedure in catalogue.procedures():
            assert "$ref" not in json.dumps(procedure.json_schema)


def test_sensitive_fields_are_listed_by_pointer() -> None:
    procedure = load_catalogue().latest("childcare/allowance-claim")

    assert procedure is not None
    assert procedure.sensitive["/applicant/person/my_number"] == "my-number"
    assert procedure.sensitive["/content/children/*/my_number"] == "my-number"
    assert procedure.sensitive["/content/spouse/my_number"] == "my-number"
    assert procedure.sensitive["/applicant"] == "personal"
    assert procedure.sensitive["/content/children/*"] == "personal"


@pytest.mark.parametrize(
    ("line", "instead", "reason"),
    [
        ("format: mj-text", "format: unheard-of", "unknown format"),
        ("maxLength: 5", "minLength: 5", "maxLength is missing"),
        ("maxLength: 5", "maxLength: x", "not of type"),
        ("note:", "メモ:", "member name"),
        ("x-source:", "x-checks: [no-such-check]\nx-source:", "unknown check"),
        ("x-source:", "x-checks: no-such-check\nx-source:", "unknown check"),
        ("x-source:", "x-sensitive: secret\nx-source:", "x-sensitive"),
        ("x-source:", "oneOf: []\nx-source:", "oneOf"),
        ("x-source:", "x-title: {ja: 二, en: Two}\nx-source:", "a key stands twice"),
        ("x-title: {ja: 試し, en: Trial}", "x-title: {ja: 試し}", "x-title"),
        ("{ja: メモ, en: Note}", "{ja: メモ}", "x-title"),
        ("additionalProperties: false", "additionalProperties: true", "additionalProperties"),
        ('who"}', 'who", type: object, additionalProperties: false}', "beside $ref"),
        ("example.invalid/who", "example.invalid/whom", "not present in a registry"),
        ("https://example.invalid/who", "file:///etc/passwd", "not present in a registry"),
        ("type: string, format: mj-text, maxLength: 5", "type: array", "maxItems is missing"),
        ("type: object\nadd", "x-from: 1989-01-08\ntype: object\nadd", "date must be quoted"),
        ("type: object\nadd", "1: x\ntype: object\nadd", "must be quoted"),
        ("type: object\nadd", "else: 5\ntype: object\nadd", "not a schema"),
        (SCHEMA, "- a list", "not a mapping"),
        (SCHEMA, "a: [", "expected the node"),
    ],
)
def test_a_file_that_breaks_a_rule_is_refused_with_the_reason(
    tmp_path: Path, line: str, instead: str, reason: str
) -> None:
    assert line in SCHEMA
    write(tmp_path, SCHEMA.replace(line, instead))

    said = refusal(tmp_path)

    assert "v1.yaml" in said
    assert reason in said


def test_a_procedure_without_a_valid_example_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path)
    (path.parent / "examples" / "valid" / "1.json").unlink()

    assert "no valid example" in refusal(tmp_path)


def test_a_folder_whose_name_is_no_procedure_is_refused(tmp_path: Path) -> None:
    write(tmp_path, name="Town/Trial")

    assert "AREA/PROCEDURE" in refusal(tmp_path)


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    write(tmp_path).write_bytes("x-title: 試し".encode("cp932"))

    assert "v1.yaml" in refusal(tmp_path)


def test_files_beside_the_versions_are_none_of_the_catalogues_business(tmp_path: Path) -> None:
    path = write(tmp_path)
    (path.parent / "v1.yaml.bak.yaml").write_text("nonsense: [", "utf-8")

    assert len(load_catalogue(tmp_path).procedures()) == 1


def test_an_empty_catalogue_knows_nothing() -> None:
    assert Catalogue([]).procedures() == ()


def test_all_broken_rules_of_a_file_can_be_listed() -> None:
    broken = broken_rules(
        {
            "type": "object",
            "properties": {"Name": {"type": "string"}, "flag": True},
            "then": 5,
            "allOf": [{"items": {"type": "array"}}],
        }
    )

    assert list(broken) == [
        "#/properties/Name: not a plain member name",
        "#/properties/Name: maxLength is missing",
        "#/properties/Name: x-title in ja and en is missing",
        "#/then: not a schema",
        "#/allOf/0/items: maxItems is missing",
    ]
