"""Read the configuration from its file and the environment, and say precisely what is wrong."""

import difflib
import itertools
import os
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Final, get_args

import yaml
from pydantic import BaseModel, ValidationError

from gateway.domain.errors import ConfigError
from gateway.settings.model import ENVIRONMENT_PREFIX, Settings

CONFIG_VARIABLE: Final = "KAKEHASHI_CONFIG"

_MOST_VALUES: Final = 100_000


def load(path: Path | None = None) -> Settings:
    """Read the configuration file and the environment.

    Args:
        path: The YAML file; ``None`` takes ``KAKEHASHI_CONFIG``, or no file at all.

    Raises:
        ConfigError: Every line of its argument is one thing that is wrong, with its key.
    """
    path = path or configured_path()
    return build({} if path is None else _read_yaml(path))


def configured_path() -> Path | None:
    """Return the file that ``KAKEHASHI_CONFIG`` names, if it names one."""
    named = os.environ.get(CONFIG_VARIABLE)
    return Path(named) if named else None


def build(document: dict[str, object]) -> Settings:
    """Return the settings of ``document`` with the environment's overrides.

    Raises:
        ConfigError: As ``load``.
    """
    problems = [*_unknown_variables(os.environ), *_unusable_keys(document)]
    if problems:
        raise ConfigError("\n".join(problems))
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error))) from None


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that stands twice: the second would silently win."""

    def construct_mapping(
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002 - PyYAML's signature
    ) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, Hashable):
                raise ConfigError(f"a list or mapping cannot be a key (line {line})")
            if key in seen:
                raise ConfigError(f"{key}: stands twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_document(self, node: yaml.Node) -> object:
        """Refuse aliases of aliases that would become a million values (a YAML bomb)."""
        if _values(node, {}) > _MOST_VALUES:
            raise ConfigError("aliases: too many values, or one inside itself")
        return super().construct_document(node)


def _values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values below ``node``, every alias as what it stands for."""
    if id(node) not in known:
        # Whoever meets a node again before it is counted is inside of it.
        known[id(node)] = _MOST_VALUES + 1
        children: Iterable[yaml.Node] = ()
        if isinstance(node, yaml.MappingNode):
            children = itertools.chain.from_iterable(node.value)
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        known[id(node)] = 1 + sum(_values(child, known) for child in children)
    return known[id(node)]


def _read_yaml(path: Path) -> dict[str, object]:
    """Read a file of sections; what is wrong is told by its place, never by its text."""
    try:
        document = yaml.load(path.read_text("utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506 - a SafeLoader
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.args[0]}") from None
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}: not YAML: {_place(error)}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start + 1})") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    except (yaml.YAMLError, ValueError):
        raise ConfigError(f"{path}: not YAML: a character, date or number is none") from None
    if document is None:
        raise ConfigError(f"{path}: says nothing; is everything in it a comment?")
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must be a mapping of sections")
    return document


def _place(error: yaml.MarkedYAMLError) -> str:
    """Return what is wrong and where; without the line itself, which may hold a password."""
    problem = error.problem or ""
    if isinstance(error, yaml.composer.ComposerError | yaml.constructor.ConstructorError):
        problem = problem.partition(" '")[0]
    mark = error.problem_mark
    where = "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"
    return f"{problem}{where}"


def _unusable_keys(keys: Iterable[object]) -> Iterator[str]:
    """Yield a line for every key that the model would not even see.

    A name with an underscore before it would tell pydantic-settings where to read from.
    """
    for key in keys:
        if not isinstance(key, str) or key.startswith("_"):
            yield f"{key}: unknown key"


def _unknown_variables(variables: Iterable[str]) -> Iterator[str]:
    """Yield a line for every ``KAKEHASHI_`` variable that would be ignored silently."""
    for variable in sorted(variables):
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        section, *keys = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        model: type[BaseModel] | None = Settings
        for key in (section, *keys):
            if model is None:
                break
            if key not in model.model_fields:
                yield f"{variable}: unknown setting {key}{_nearest(key, model.model_fields)}"
                break
            model = _section(model, key)


def _section(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """Return the section's model; ``None`` where any name may follow (destinations, …)."""
    annotation = model.model_fields[key].annotation
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _nearest(wrong: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(wrong, list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _explain(error: ValidationError) -> Iterator[str]:
    """Yield a line per problem; never the value, which may be a secret in the wrong place."""
    for problem in error.errors(include_input=False, include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        message = str(problem["msg"]).removeprefix("Value error, ")
        if problem["type"] == "extra_forbidden":
            yield f"{key}: unknown key{_suggestion(problem['loc'])}"
        else:
            yield f"{key}: {message}" if key else message


def _suggestion(location: tuple[int | str, ...]) -> str:
    model: type[BaseModel] = Settings
    *parents, wrong = (str(part) for part in location)
    for part in parents:
        # A name an operator gave (destinations.NAME) is no field: the model stays.
        field = model.model_fields.get(part)
        model = (field and _value_model(field.annotation)) or model
    return _nearest(wrong, model.model_fields)


def _value_model(annotation: object) -> type[BaseModel] | None:
    """Return the model behind an annotation: itself, or the values of its mapping."""
    for candidate in (annotation, *reversed(get_args(annotation))):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None
