"""What a rule looks at: an adapter's folder, its manifest and its class."""

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from gateway.drivers import discovery
from gateway.drivers.discovery import Manifest
from gateway.sdk import AdapterSpec


@dataclass(frozen=True)
class Adapter:
    """One adapter.

    Attributes:
        folder: Of its package.
        tests: Folder of its tests; a wheel goes without them.
        manifest: What it says of itself as data.
        spec: What it says of itself in its code.
        class_name: Of the class that has the spec.
    """

    folder: Path
    tests: Path
    manifest: Manifest
    spec: AdapterSpec
    class_name: str

    @classmethod
    def installed(cls, name: str) -> "Adapter":
        """Return an installed adapter."""
        adapter = discovery.load(name)
        folder = Path(inspect.getfile(inspect.getmodule(adapter) or adapter)).parent
        return cls(
            folder=folder,
            tests=folder / "tests",
            manifest=discovery.manifest(name),
            spec=adapter.spec,
            class_name=adapter.__name__,
        )

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of its configuration."""
        return self.spec.config.model_json_schema()

    @cached_property
    def readme(self) -> str:
        """Its README, empty if it has none."""
        path = self.folder / "README.md"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def fields(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every field of its configuration with its schema."""
        models = {"": self.schema, **self.schema.get("$defs", {})}
        for model, definition in models.items():
            for name, field in definition.get("properties", {}).items():
                yield f"{model}.{name}".lstrip("."), field

    def sources(self) -> Iterator[tuple[Path, ast.Module]]:
        """Yield its source files, tests excepted, and what they parse to."""
        for path in sorted(self.folder.glob("*.py")):
            yield path, ast.parse(path.read_text(encoding="utf-8"))

    def has_test(self, pattern: str, text: str = "") -> bool:
        """Tell whether a file of its tests is called so, and holds what ``text`` matches."""
        return any(
            re.search(text, path.read_text(encoding="utf-8")) for path in self.tests.glob(pattern)
        )
