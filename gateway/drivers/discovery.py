"""Which adapters are installed, told from their manifests without importing them.

An adapter is an entry point of the group ``kakehashi.adapters`` whose package has
a ``manifest.toml`` beside its ``__init__.py``. Listing reads the manifests only:
a broken or heavy adapter costs nobody anything until a destination uses it.
"""

import difflib
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.machinery import ModuleSpec
from pathlib import Path
from traceback import extract_tb
from typing import Annotated, Final, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.errors import ConfigError
from gateway.domain.identifiers import NAME_PATTERN
from gateway.sdk import AdapterSpec, Destination, Idempotency

GROUP: Final = "kakehashi.adapters"
MANIFEST_NAME: Final = "manifest.toml"
README_NAME: Final = "README.md"

NOBODY: Final = re.compile(r"(?i)\W*(todo|tbd|unknown|nobody|your.name|me)?\W*")
"""Owners whom nobody could ask."""

_LONGEST_README: Final = 200_000

_OURS: Final = "kakehashi"
"""The distribution that ships the gateway and its own adapters (``name`` in pyproject.toml)."""

log = structlog.get_logger()

Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN.pattern}$")]
RuleState = Literal["done", "todo"]


class _Data(BaseModel):
    """A table of a manifest: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(_Data):
    """The adapter's title in both languages, one line each."""

    ja: str = Field(min_length=1, max_length=80)
    en: str = Field(min_length=1, max_length=80)


class Features(_Data):
    """What the adapter promises; compared with its ``spec`` when it is loaded."""

    idempotency: Idempotency = Field(description="The most it can support.")
    max_in_flight: int = Field(ge=1, le=2000, description="Sends it can take at once at most.")
    feedback: bool = Field(description="Whether it gives statuses back.")
    dry_run: bool = Field(description="Whether it honours `dry_run` with a preview.")
    max_batch: int = Field(default=1, ge=1, description="Applications in one batch at most.")


class Exemption(_Data):
    """A rule that does not apply, and why."""

    status: Literal["exempt"]
    why: str = Field(min_length=1)


class Quality(_Data):
    """The quality scale of the house: a tier and the state of each rule."""

    tier: Literal["none", "bronze", "silver", "gold"]
    rules: dict[str, RuleState | Exemption] = Field(default_factory=dict)
    not_applicable: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict,
        description="Checks of the contract kit that a rule which is done rests on and that ask "
        "nothing of this adapter, and why.",
    )


class Manifest(_Data):
    """What an adapter says of itself, as data."""

    name: Name = Field(description="As in `adapter:` of a destination; the entry point's name.")
    title: Title
    version: str = Field(min_length=1, description="The adapter's own version.")
    direction: Literal["destination"] = "destination"
    owner: str = Field(min_length=1, description="Who answers for it.")
    procedures: tuple[str, ...] = Field(
        min_length=1, description="Procedures it can carry, `area/procedure` or a pattern."
    )
    features: Features
    quality: Quality
    waivers: dict[str, Annotated[str, Field(min_length=1)]] = Field(
        default_factory=dict, description="Checks of the contract kit it does not pass, and why."
    )


def available() -> tuple[Manifest, ...]:
    """Return the manifests of all installed adapters, sorted by name.

    An adapter whose manifest is missing or wrong is left out with a warning:
    it must not keep the others from being used.
    """
    manifests = []
    for entry_point in _entry_points().values():
        try:
            manifests.append(_manifest(entry_point))
        except ConfigError as error:
            log.warning("adapter.refused", adapter=entry_point.name, reason=str(error))
    return tuple(sorted(manifests, key=lambda manifest: manifest.name))


def shipped() -> frozenset[str]:
    """Return the names of the gateway's own adapters: its build has proved what they claim."""
    return frozenset(
        name
        for name, entry_point in _entry_points().items()
        if entry_point.dist is not None and entry_point.dist.name == _OURS
    )


def manifest(name: str) -> Manifest:
    """Return one adapter's manifest.

    Raises:
        ConfigError: No adapter of this name is installed, or its manifest is wrong.
    """
    return _manifest(_entry_point(name))


def readme(name: str) -> str | None:
    """Return the text of the README beside an adapter's manifest; ``None`` if there is none.

    At most 200,000 characters of it: nobody reads more on one page.
    """
    try:
        folder = _package_folder(_entry_point(name).module)
        if folder is None:
            return None
        with (folder / README_NAME).open(encoding="utf-8") as file:
            return file.read(_LONGEST_README)
    except (ConfigError, OSError, ValueError):
        return None


def manifest_in(folder: Path) -> Manifest:
    """Return the manifest that lies in an adapter's folder, installed or not.

    Raises:
        ConfigError: It cannot be read, or is wrong.
    """
    where = f"adapter {folder.name}"
    try:
        document = tomllib.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        return Manifest.model_validate(document)
    except OSError as error:
        raise ConfigError(f"{where}: {MANIFEST_NAME} cannot be read") from error
    except ValidationError as error:
        wrong = [
            f"{where}: {MANIFEST_NAME}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError("\n".join(wrong)) from error
    except ValueError as error:  # no TOML, or not in UTF-8
        raise ConfigError(f"{where}: {MANIFEST_NAME}: {error}") from error


def load(name: str) -> type[Destination]:
    """Import an adapter and return its class.

    Raises:
        ConfigError: No adapter of this name is installed (names one near it), it cannot
            be imported, or its ``spec`` says something else than its manifest.
    """
    entry_point = _entry_point(name)
    promised = _manifest(entry_point)
    try:
        adapter = entry_point.load()
    except Exception as error:  # foreign code: whatever it raises, it cannot be used
        home = _package_folder(entry_point.module) or Path()
        why = culprit(error, home)
        raise ConfigError(f"adapter {name}: {entry_point.value} cannot be imported", why) from error
    spec = getattr(adapter, "spec", None)
    if not isinstance(adapter, type) or not isinstance(spec, AdapterSpec):
        raise ConfigError(f"adapter {name}: its class has no spec")
    for difference in differences(promised, spec):
        raise ConfigError(f"adapter {name}: {difference.key}", difference.words)
    return adapter


def culprit(error: BaseException, home: Path) -> str:
    """Return an error's class, the module or name that is missing, and the line; never its text.

    Args:
        error: What the adapter's code raised, or what importing it did.
        home: The folder of the adapter's package. The line is the last one in it that the
            error passed, or else the last one anywhere but in Python's import system.
    """
    words = type(error).__qualname__
    if isinstance(error, ImportError | AttributeError) and error.name:
        words += f": {error.name}"
    places = [
        (Path(frame.filename), frame.lineno)
        for frame in extract_tb(error.__traceback__)[1:]  # the first is who caught it
        if "importlib" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    own = [place for place in places if place[0].resolve().is_relative_to(home.resolve())]
    if not (own or places):
        return words
    file, line = (own or places)[-1]
    return f"{words} ({file.name}:{line})"


def _entry_points() -> dict[str, metadata.EntryPoint]:
    """Return the group's entry points by name; of two equal names the first on the path."""
    found: dict[str, metadata.EntryPoint] = {}
    for entry_point in metadata.entry_points(group=GROUP):
        found.setdefault(entry_point.name, entry_point)
    return found


def _entry_point(name: str) -> metadata.EntryPoint:
    """Return the entry point called ``name``, or say which name is nearest."""
    known = _entry_points()
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name, known, n=1)
    there = ", ".join(sorted(known)) or "none"
    hint = f"did you mean {nearest[0]}?" if nearest else f"there are: {there}"
    raise ConfigError(f"adapter {name}: not installed; {hint}")


def _manifest(entry_point: metadata.EntryPoint) -> Manifest:
    """Read the manifest that lies in the entry point's package."""
    where = f"adapter {entry_point.name}"
    folder = _package_folder(entry_point.module)
    if folder is None:
        raise ConfigError(f"{where}: its package is not there")
    found = manifest_in(folder)
    if found.name != entry_point.name:
        raise ConfigError(f"{where}: {MANIFEST_NAME} calls it {found.name}")
    return found


def _package_folder(module: str) -> Path | None:
    """Return the folder of a package, found as an import would, but importing nothing.

    Returns:
        ``None`` if there is no such package, or one of its parents has no ``__init__.py``:
        where that lies cannot be told without importing it.
    """
    spec: ModuleSpec | None = None
    search: list[str] | None = None
    names = module.split(".")
    for depth in range(1, len(names) + 1):
        try:
            spec = _find(".".join(names[:depth]), search)
            search = list(spec.submodule_search_locations or ()) if spec else None
        except KeyError:
            # A namespace package's path asks for its parent among what is imported.
            return None
        if spec is None:
            return None
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent


def _find(module: str, search: list[str] | None) -> ModuleSpec | None:
    """Ask each finder of the import system, as ``import`` does."""
    for finder in sys.meta_path:
        spec = finder.find_spec(module, search)
        if spec is not None:
            return spec
    return None


@dataclass(frozen=True, slots=True)
class Difference:
    """A key of which an adapter's code and its manifest say different things.

    Attributes:
        key: As in the manifest.
        words: What each says.
    """

    key: str
    words: str


def differences(promised: Manifest, spec: AdapterSpec) -> Iterator[Difference]:
    """Yield where an adapter's code and manifest disagree."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("name", promised.name, spec.name),
        ("version", promised.version, spec.version),
        ("idempotency", promised.features.idempotency, spec.idempotency),
        ("max_in_flight", promised.features.max_in_flight, spec.max_in_flight),
        ("max_batch", promised.features.max_batch, spec.max_batch),
        ("feedback", promised.features.feedback, spec.feedback),
    )
    for key, in_manifest, in_code in pairs:
        if in_manifest != in_code:
            yield Difference(key, f"is {in_manifest} in its manifest, {in_code} in its code")
