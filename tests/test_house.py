"""What the house promises about itself and no linter checks."""

import ast
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway.drivers import discovery
from gateway.drivers.rabbitmq import topology
from gateway.http.problems import DETAILS
from gateway.settings.model import Settings
from gateway.testing.adapter_rules import broken
from gateway.testing.adapter_rules.adapter import Adapter

ROOT = Path(__file__).parent.parent
TRACKED = subprocess.run(
    ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
).stdout.split("\0")[:-1]
# What is deleted and not yet committed is still listed.
FILES = [ROOT / path for path in TRACKED if (ROOT / path).is_file()]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
ENTRY_POINTS = PROJECT["project"]["entry-points"]["kakehashi.adapters"]
PYTHON = [file for file in FILES if file.suffix == ".py"]
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".txt", ".sh", ".cfg", ".sql", ".csv", ""}
FORBIDDEN_FOLDERS = {"utils", "util", "common", "core", "base", "helpers"}
MOST_LINES = 400
# A suite is a list of independent tests, read one at a time.
MOST_LINES_OF_A_SUITE = 1000
# Handed to outsiders as one file that needs no other; an auditor reads it as one text.
MOST_LINES_OF_THE_STANDALONE_VERIFIER = 800
STANDALONE_VERIFIER = ROOT / "gateway/audit/standalone/verify.py"
DIRECT = re.compile(r"^([\w.-]+)==.*\n(?:    --hash.*\n)+    # via kakehashi", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
LINK_TEXT = re.compile(r"\[([^\]]*)\]\([^)]*\)")
HEADING = re.compile(r"^#+ +(.*)$|<a id=\"([^\"]+)\">", re.MULTILINE)
# One Japanese word for each thing, the console's, wherever a person reads of it.
OTHER_WORDS = re.compile("送付先|配送|フロント|(?<!の)基幹システム|アダプタ(?!ー)|サーバ(?!ー)")
# Folders of a developer's machine, and hosts of package registries and their mirrors.
PRIVATE = re.compile(
    r"(?<![\w.])/(?:work|home/\w+|Users/\w+|root)/(?!\.\.\.)\w"
    r"|pypi\.org/simple|pythonhosted\.org|registry\.npmjs\.org|deb\.debian\.org"
    r"|--(?:extra-)?index-url|--find-links"
)
CONTRACTS = {
    "layers",
    "domain-is-pure",
    "services-by-ports",
    "broker-library-in-one-place",
    "drivers-apart",
    "adapters-apart",
    "gateway-knows-no-adapter",
    "adapters-use-the-sdk",
}


def relative(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def run_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False, text=True
    )


def test_generated_pages_are_current() -> None:
    compared = run_tool("tools/generate_docs.py", "--check")

    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_released_procedures_have_not_changed() -> None:
    compared = run_tool("tools/schemas_lock.py")

    assert compared.returncode == 0, compared.stdout + compared.stderr


def test_every_refusal_in_the_source_is_in_the_table_of_problems() -> None:
    unknown = {code for code in refusals() if code not in DETAILS}

    assert unknown == set()


def refusals() -> Iterator[str]:
    """Yield every literal code of ``Refusal(code=…)`` and ``refused("…")``."""
    for file in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="refused"), args=[ast.Constant(value=str(code))]):
                    yield code
                case ast.Call(func=ast.Name(id="Refusal"), keywords=keywords):
                    for keyword in keywords:
                        match keyword:
                            case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                                yield code


def test_every_code_of_an_error_belongs_to_one_class() -> None:
    codes: dict[str, list[str]] = {}
    for file in (ROOT / "gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                for statement in node.body:
                    match statement:
                        case ast.Assign(
                            targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))
                        ):
                            codes.setdefault(code, []).append(node.name)

    shared = {code: names for code, names in codes.items() if len(names) > 1}

    assert shared == {}


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_a_manifest_and_its_adapter_say_the_same(name: str) -> None:
    discovery.load(name)


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_what_an_adapter_claims_of_its_quality_is_true(name: str) -> None:
    assert list(broken(Adapter.installed(name))) == []


def test_every_adapter_folder_has_a_manifest_and_an_entry_point() -> None:
    folders = {file.parts[len(ROOT.parts) + 1] for file in PYTHON if is_in_an_adapter(file)}

    assert folders == set(ENTRY_POINTS)
    assert folders == {manifest.name.replace("-", "_") for manifest in discovery.available()}


def is_in_an_adapter(file: Path) -> bool:
    parts = file.relative_to(ROOT).parts
    return parts[0] == "adapters" and len(parts) > 2 and not parts[1].startswith("_")


def test_no_folder_has_a_name_that_says_nothing() -> None:
    folders = {part for path in TRACKED for part in Path(path).parts[:-1]}

    assert folders & FORBIDDEN_FOLDERS == set()


def test_no_source_file_is_longer_than_a_reader_can_hold() -> None:
    too_long = {
        relative(file): lines
        for file in PYTHON
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > most_lines(file)
    }

    assert too_long == {}


def most_lines(file: Path) -> int:
    if file == STANDALONE_VERIFIER:
        return MOST_LINES_OF_THE_STANDALONE_VERIFIER
    is_a_suite = {"tests", "contracts"} & set(file.relative_to(ROOT).parts)
    return MOST_LINES_OF_A_SUITE if is_a_suite else MOST_LINES


def test_the_standalone_verifier_needs_nothing_of_the_gateway() -> None:
    imported = set()
    for node in ast.walk(ast.parse(STANDALONE_VERIFIER.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                imported |= {name.name.partition(".")[0] for name in names}
            case ast.ImportFrom(module=str(module), level=0):
                imported.add(module.partition(".")[0])
            case ast.ImportFrom():
                imported.add(".")

    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_no_tracked_file_names_a_private_path_or_a_registry() -> None:
    found = [
        f"{relative(file)}:{number}: {line.strip()[:100]}"
        for file in FILES
        if file.suffix in TEXT and file != Path(__file__)
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        if PRIVATE.search(line)
    ]

    assert found == []


def test_every_link_to_a_local_file_leads_somewhere() -> None:
    dead = [
        f"{relative(page)}: {target}"
        for page in FILES
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith(("http://", "https://", "mailto:", "#"))
        and not (page.parent / target.split("#")[0]).exists()
    ]

    assert dead == []


def places(page: Path) -> set[str]:
    """Return what a link to a page may end with, as GitHub makes it of headings."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    return {
        mark or re.sub(r"[^\w\- ]", "", LINK_TEXT.sub(r"\1", title).lower()).replace(" ", "-")
        for title, mark in HEADING.findall(text)
    }


def test_every_link_to_a_place_in_a_page_finds_it() -> None:
    lost = [
        f"{relative(page)}: {target}"
        for page in FILES
        if page.suffix == ".md"
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        for path, _, place in [target.partition("#")]
        if place and ":" not in path and (path.endswith(".md") or not path)
        if place not in places((page.parent / path) if path else page)
    ]

    assert lost == []


def test_a_thing_has_the_same_japanese_word_everywhere() -> None:
    other = [
        f"{relative(file)}: {found}"
        for file in FILES
        if relative(file).startswith(("config/", "deploy/", "docs/", "gateway/"))
        and file.suffix in {".md", ".py", ".yaml", ".json", ".html"}
        for found in OTHER_WORDS.findall(file.read_text(encoding="utf-8"))
    ]

    assert other == []


def test_every_adr_is_in_the_list_of_decisions() -> None:
    listed = (ROOT / "docs/adr/README.md").read_text(encoding="utf-8")
    pages = [file.name for file in (ROOT / "docs/adr").glob("[0-9]*.md")]

    assert [name for name in pages if name not in listed] == []


def test_the_import_contracts_of_the_house_exist() -> None:
    names = {contract["name"] for contract in PROJECT["tool"]["importlinter"]["contracts"]}

    assert names >= CONTRACTS


def test_every_locked_requirement_has_a_version_and_a_hash() -> None:
    for file in ROOT.glob("requirements*.txt"):
        text = file.read_text(encoding="utf-8").replace("\\\n", "")
        for line in text.splitlines():
            if line.strip() and not line.strip().startswith("#"):
                assert re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line), line


def test_every_declared_dependency_is_locked_and_no_direct_one_is_left_over() -> None:
    project, groups = PROJECT["project"], PROJECT["dependency-groups"]
    extras = project["optional-dependencies"]
    declared = {
        "requirements.txt": [
            *project["dependencies"],
            *(one for extra in ("postgres", "sftp", "otel") for one in extras[extra]),
        ],
        "requirements-dev.txt": groups["dev"],
        "requirements-bench.txt": groups["bench"],
        "requirements-build.txt": groups["build"],
        "requirements-lock.txt": groups["lock"],
    }

    for file, requirements in declared.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        locked = set(re.findall(r"^([\w.-]+)==", text, flags=re.MULTILINE))
        wanted = {re.split(r"[^\w.-]", line)[0].lower() for line in requirements}
        assert wanted <= locked, f"{file} is behind pyproject.toml: run make lock"
        direct = DIRECT.findall(text)
        assert set(direct) <= wanted, f"{file} is ahead of pyproject.toml: run make lock"


def test_the_example_configuration_works_once_its_lines_are_switched_on() -> None:
    text = (ROOT / "config/kakehashi.example.yaml").read_text(encoding="utf-8")
    switched_on = re.sub(r"^(\s*)#(?=\S)", r"\1", text, flags=re.MULTILINE)

    settings = Settings.model_validate(yaml.safe_load(switched_on))

    assert settings.destinations["jido-teate"].adapter == "file"


def test_the_configuration_for_compose_is_valid() -> None:
    text = (ROOT / "deploy/compose/kakehashi.yaml").read_text(encoding="utf-8")

    settings = Settings.model_validate(yaml.safe_load(text))

    assert settings.destinations


def test_the_broker_rights_made_for_compose_are_those_of_the_topology() -> None:
    definitions = runpy.run_path(str(ROOT / "deploy/compose/make_secrets.py"))["definitions"]

    made = {
        row["user"]: (row["configure"], row["write"], row["read"])
        for row in definitions("one", "two")["permissions"]
    }

    assert made == {
        "gateway": topology.gateway_permissions(),
        "worker-1": topology.worker_permissions("jido-teate"),
    }
