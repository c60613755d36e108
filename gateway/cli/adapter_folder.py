"""The folder of a new adapter: a package of its own that passes the contract kit at once."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.cli.failures import CommandError, ExitCode
from gateway.domain.identifiers import NAME_PATTERN
from gateway.sdk import Application

_TEMPLATE: Final = Path(__file__).parent / "adapter_template"
_SUFFIX: Final = ".tmpl"

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


def refuse_unusable(new: NewAdapter, installed: frozenset[str]) -> None:
    """Refuse what would not work once it is installed.

    Raises:
        CommandError: The name is none, or taken, or a title does not fit into the manifest.
    """
    if not NAME_PATTERN.fullmatch(new.name) or not new.module.isidentifier():
        raise CommandError(
            f"{new.name}: not a name",
            ExitCode.USAGE,
            "Lower-case letters, digits and hyphens; a letter first.",
        )
    if new.name in installed:
        raise CommandError(
            f"{new.name}: an installed adapter is called so", ExitCode.USAGE, "Choose another name."
        )
    for text in (new.title, new.title_ja, new.owner):
        if not re.fullmatch(r'[^"\\\n{}]{1,80}', text):
            raise CommandError(
                f"{text}: 1 to 80 characters in one line, no quotes, braces or backslashes",
                ExitCode.USAGE,
            )


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
