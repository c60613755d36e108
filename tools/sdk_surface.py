"""The public surface of ``gateway.sdk``: compare it with the committed one, or ``--write`` it.

The surface is names, signatures, fields and defaults, a line each, without docstrings. It
may not change under an adapter's feet: an addition raises the second number of
``CONTRACT_VERSION``, anything that could break an adapter the first.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from gateway import sdk

SNAPSHOT: Final = Path(__file__).parent.parent / "tests" / "data" / "sdk-surface.txt"
_MODULE: Final = re.compile(r"\b(?:gateway|collections|datetime|pathlib|typing)\.(?:[a-z_]+\.)*")
_VERSION: Final = re.compile(r"^contract (\d+)\.(\d+)$", re.MULTILINE)


def surface() -> str:
    """Return the surface as it is now."""
    lines = [f"contract {sdk.CONTRACT_VERSION}"]
    for name in sorted(sdk.__all__):
        if name != "CONTRACT_VERSION":
            lines += [_MODULE.sub("", line) for line in _described(name, getattr(sdk, name))]
    return "\n".join(lines) + "\n"


def _described(name: str, value: object) -> Iterator[str]:
    if not isinstance(value, type):
        yield f"{name} = {value}"
    elif issubclass(value, Enum):
        yield f"{name}: enum"
        yield from (f"{name}.{member.name} = {member.value!r}" for member in value)
    elif issubclass(value, Exception):
        # The parents' names, not its own: TransientError is an alias.
        parents = [one.__name__ for one in value.__mro__[1:] if hasattr(one, "code")]
        yield f"{name}: error {value.code!r}, is a {', '.join(parents)}"
        yield f"{name}{inspect.signature(value.__init__)}"
    elif is_dataclass(value):
        yield f"{name}: value"
        yield from (f"{name}.{field}" for field in _fields(value))
        yield from _methods(name, value)
    elif getattr(value, "_is_protocol", False):
        yield f"{name}: protocol"
        for attribute, annotation in inspect.get_annotations(value).items():
            yield f"{name}.{attribute}: {_named(annotation)}"
        yield from _methods(name, value)
    else:
        yield f"{name}: class, is a {', '.join(one.__name__ for one in value.__bases__)}"


def _fields(value: type) -> Iterator[str]:
    for field in fields(value):
        default = "" if field.default is MISSING else f" = {field.default!r}"
        yield f"{field.name}: {_named(field.type)}{default}"


def _methods(name: str, value: type) -> Iterator[str]:
    for attribute, method in sorted(vars(value).items()):
        if inspect.isfunction(method) and not attribute.startswith("_"):
            word = "async " if inspect.iscoroutinefunction(method) else ""
            yield f"{name}.{attribute}: {word}method {inspect.signature(method)}"


def _named(annotation: object) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def change(old: str, new: str) -> str | None:
    """Return ``addition`` or ``break``, or ``None`` if nothing but the version changed."""
    before, after = (set(_VERSION.sub("", text).splitlines()) for text in (old, new))
    if before == after:
        return None
    added = after - before
    is_breaking = bool(before - after) or any(_asks_for_more(line, before) for line in added)
    return "break" if is_breaking else "addition"


def _asks_for_more(line: str, before: set[str]) -> bool:
    """Tell whether an added line asks something new of adapters that are there."""
    owner = line.partition(".")[0]
    if f"{owner}: protocol" in before:
        return True
    return f"{owner}: value" in before and " = " not in line and ": method " not in line


def version_after(old: str, kind: str) -> str:
    """Return the lowest version that a change of this kind needs."""
    found = _VERSION.search(old)
    major, minor = map(int, found.groups()) if found else (1, 0)
    return f"{major + 1}.0" if kind == "break" else f"{major}.{minor + 1}"


def verdict(old: str, new: str) -> str | None:
    """Return what is to be done about a surface that is not the committed one."""
    kind = change(old, new)
    if kind is None:
        return None if old == new else "tools/sdk_surface.py --write: only the version changed"
    wanted = version_after(old, kind)
    found = _VERSION.search(new)
    has = tuple(map(int, found.groups())) if found else (0, 0)
    if has < tuple(map(int, wanted.split("."))):
        return (
            f"This change of gateway.sdk is {'a break' if kind == 'break' else 'an addition'}: set "
            f"CONTRACT_VERSION to {wanted}, tell adapter authors in CHANGELOG.md, then run "
            "tools/sdk_surface.py --write"
        )
    return "The version is raised: run tools/sdk_surface.py --write"


def main(arguments: list[str]) -> int:
    """Return 0 if the committed surface is current, which it is after writing."""
    old = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    new = surface()
    told = verdict(old, new)
    if told is None:
        return 0
    if arguments == ["--write"] and (not old or "set CONTRACT_VERSION" not in told):
        SNAPSHOT.write_text(new, encoding="utf-8")
        print(f"wrote {SNAPSHOT.name}")
        return 0
    print(told)
    for line in sorted(set(old.splitlines()) ^ set(new.splitlines())):
        print("-" if line in old.splitlines() else "+", line)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
