"""The folder of a new adapter: a package of its own that passes the contract kit at once."""

import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.cli.failures import CommandError, ExitCode
from gateway.domain.identifiers import NAME_PATTERN
from gateway.drivers.discovery import NOBODY
from gateway.sdk import Application

_TEMPLATE: Final = Path(__file__).parent / "adapter_template"
_SUFFIX: Final = ".tmpl"

_RESERVED: Final = {"adapters", "gateway", "tests"}
"""Packages of the gateway, and what every other package has."""

_TEXT: Final = re.compile(r'[^"\\{}\x00-\x1f\x7f\ud800-\udfff]{1,80}')
"""What stands in a TOML string and in a template as it is, and can be encoded."""

# What the contract kit sends a sample with (gateway.testing.adapter_kit.samples).
_KEY: Final = "0193453a-0000-7000-8000-000000000001"
_ID: Final = "01934539-0000-7000-8000-000000000001"
_ACCEPTED_AT: Final = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAdapter:
    """What is asked about a new adapter.

    Attributes:
        name: As in ``adapter:`` of a destination.
        title: In English, one line.
        title_ja: In Japanese, one line.
        owner: Who answers for it.
        procedure: The one that its sample is of, ``area/procedure``.
    """

    name: str
    title: str
    title_ja: str
    owner: str
    procedure: str

    @property
    def module(self) -> str:
        """The name of its Python package."""
        return self.name.replace("-", "_")

    @property
    def class_name(self) -> str:
        """The first part of its classes' names."""
        return "".join(part.capitalize() for part in self.name.split("-"))


def refuse_name(name: str, installed: frozenset[str]) -> None:
    """Refuse a name under which a package could not be imported, or another could not any more.

    Raises:
        CommandError: It is no name, or taken.
    """
    module = name.replace("-", "_")
    if not NAME_PATTERN.fullmatch(name) or not module.isidentifier():
        raise CommandError(
            f"{_printable(name)}: not a name",
            ExitCode.USAGE,
            "Lower-case letters, digits and hyphens; a letter first.",
        )
    if keyword.iskeyword(module):
        raise CommandError(
            f"{name}: a word of Python's own, which no package can be called",
            ExitCode.USAGE,
            "Choose another name.",
        )
    if name in installed:
        raise CommandError(
            f"{name}: an installed adapter is called so", ExitCode.USAGE, "Choose another name."
        )
    if module in _RESERVED or module in sys.stdlib_module_names or _is_installed(module):
        raise CommandError(
            f"{name}: a package {module} is there already, and one would hide the other",
            ExitCode.USAGE,
            f"Choose another name, such as {name}-core.",
        )


def refuse_texts(new: NewAdapter) -> None:
    """Refuse a title or owner that does not fit into a manifest.

    Raises:
        CommandError: Some does not.
    """
    for text in (new.title, new.title_ja, new.owner):
        if not _TEXT.fullmatch(text):
            raise CommandError(
                f"{_printable(text)}: 1 to 80 characters in one line, no quotes, braces or "
                "backslashes",
                ExitCode.USAGE,
            )
    if NOBODY.fullmatch(new.owner):
        raise CommandError(
            f"{new.owner}: nobody whom others could ask",
            ExitCode.USAGE,
            "Name a person or a team with --owner.",
        )
    if not new.title.isascii():
        raise CommandError(f"{new.title}: --title is the English one, in ASCII", ExitCode.USAGE)
    if new.title_ja.isascii():
        raise CommandError(f"{new.title_ja}: --title-ja is the Japanese one", ExitCode.USAGE)


def _is_installed(module: str) -> bool:
    """Tell whether ``import`` would find something else; a folder here without code is nothing."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def _printable(text: str) -> str:
    """Return a text from the command line so that any terminal takes it."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def sample_body(folders: list[Path], procedure: str) -> bytes:
    """Return the first valid example of a procedure.

    Raises:
        CommandError: There is none.
    """
    for folder in folders:
        for path in sorted((folder / procedure / "examples" / "valid").glob("*.json")):
            return path.read_bytes()
    raise CommandError(
        f"{procedure}: no such procedure with an example",
        ExitCode.USAGE,
        "kakehashi schema list shows them.",
    )


def write_folder(new: NewAdapter, body: bytes, into: Path) -> list[Path]:
    """Write the folder; return its files.

    Raises:
        CommandError: It is there already.
    """
    if into.exists() and not into.is_dir():
        raise CommandError(
            f"{into}: is there already, and a file", ExitCode.USAGE, "Name another with --into."
        )
    if into.exists() and any(into.iterdir()):
        raise CommandError(f"{into}: is there already, and not empty", ExitCode.USAGE)
    written = []
    for path, content in _files(new, body):
        file = into / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        written.append(file)
    return sorted(written)


def _files(new: NewAdapter, body: bytes) -> Iterator[tuple[Path, bytes]]:
    """Yield each file's path in the folder and its bytes."""
    for source in sorted(_TEMPLATE.rglob(f"*{_SUFFIX}")):
        relative = source.relative_to(_TEMPLATE)
        path = relative.with_name(relative.name.removesuffix(_SUFFIX))
        if path.parts[0] == "package":
            path = Path(new.module, *path.parts[1:])
        yield path, _filled(source.read_text(encoding="utf-8"), new).encode()
    samples, name = Path(new.module, "samples"), new.procedure.replace("/", "-")
    yield samples / f"{name}.message.json", body
    yield samples / f"{name}.native.json", _native(body)
    config = {"host": "127.0.0.1", "port": 7001, "token": "not-a-secret"}
    yield samples / f"{name}.config.json", json.dumps(config).encode() + b"\n"


def _filled(text: str, new: NewAdapter) -> str:
    values = {
        "name": new.name,
        "module": new.module,
        "class": new.class_name,
        "title": new.title,
        "title_ja": new.title_ja,
        "owner": new.owner,
        "procedure": new.procedure,
    }
    for key, value in values.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def _native(body: bytes) -> bytes:
    """Return what the template's mapping makes of a sample; the contract kit compares it."""
    document: dict[str, Any] = json.loads(body)
    application = Application(
        id=_ID,
        municipality=document["applicant"]["destination"]["municipality_code"],
        procedure=document["procedure"],
        version=document["version"],
        receipt_number=document["receipt_number"],
        supersedes=document.get("supersedes"),
        submitted_at=datetime.fromisoformat(document["submitted_at"]),
        accepted_at=_ACCEPTED_AT,
        applicant=document["applicant"],
        content=document["content"],
    )
    return json.dumps(
        application.document(_KEY), ensure_ascii=False, separators=(",", ":")
    ).encode()
