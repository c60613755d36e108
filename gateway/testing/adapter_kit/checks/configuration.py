"""Is the configuration described, strict, and as it was?"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
from pydantic import ValidationError

from gateway.sdk import ConfigError
from gateway.testing.adapter_kit.bench import Bench, does_not_apply, fail
from gateway.testing.adapter_kit.released import narrowed, released_samples, released_schema

_NOBODY_ASKED_FOR: Final = "no_such_key"
_NOTHING: Final[Mapping[str, object]] = {"no such": ["value"]}


class ConfigurationChecks:
    """Of the model that ``spec.config`` names."""

    def test_every_field_is_described(self, bench: Bench) -> None:
        """Give each field of the ``Config`` model, and of models in it, a ``description``.

        README, example configuration and editors show it; it is all that operators know.
        """
        schema = bench.spec.config.model_json_schema()
        try:
            jsonschema_rs.meta.validate(schema)
        except jsonschema_rs.ValidationError as error:
            fail(f"The configuration's JSON schema is not one: {error.message}")
        for path, field in _fields(schema):
            if not field.get("description", "").strip():
                fail(f"The configuration's field {path} has no description.")

    def test_bad_config_names_the_field(self, bench: Bench) -> None:
        """Validate everything in the pydantic model, and refuse what it does not know.

        The operator is told the path of the key that is wrong, which only the model's errors
        have. Subclass ``AdapterConfig``; check values in ``@field_validator``.
        """
        good = bench.config(bench.samples[0])
        found = _refused_at(bench, good)
        if found is not None:
            fail(f"The peer's own configuration is refused, at {found or 'no field'}.")
        schema = bench.spec.config.model_json_schema()
        accepts = jsonschema_rs.validator_for(schema).is_valid
        wrong: dict[str, dict[str, object]] = {
            _NOBODY_ASKED_FOR: {**good, _NOBODY_ASKED_FOR: 1},
            **{name: {**good, name: _NOTHING} for name in schema["properties"]},
        }
        cases = [(f"a wrong value of {name}", name, config) for name, config in wrong.items()]
        for name in schema.get("required", ()):
            without = {key: value for key, value in good.items() if key != name}
            cases.append((f"a missing {name}", name, without))
        for what, name, config in cases:
            found = _refused_at(bench, config)
            if found is None and (name == _NOBODY_ASKED_FOR or not accepts(config)):
                fail(f"The configuration is accepted in spite of {what}.")
            if found is not None and not found.startswith(name):
                fail(f"The configuration's error about {what} names {found or 'no field'}.")

    def test_released_config_is_still_accepted(self, bench: Bench) -> None:
        """Accept every configuration that the last release accepted.

        Give new fields a default, keep old ones (``Field(deprecated=…)``), widen and never
        narrow. ``released/config-VERSION.schema.json`` is what the last release accepted, and
        ``.samples.json`` what it was tried with; ``kakehashi adapter release`` writes both.
        """
        old = released_schema(bench.home)
        if old is None:
            does_not_apply("nothing of it was released yet")
        for path in narrowed(old, bench.spec.config.model_json_schema()):
            fail(f"The configuration no longer accepts at {path} what the last release did.")
        for sample in released_samples(bench.home):
            refused_at = _refused_at(bench, sample)
            if refused_at is not None:
                fail(f"The configuration refuses a sample of the last release at {refused_at}.")


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every field of a model's schema, and of the models in it."""
    models = {"": schema, **schema.get("$defs", {})}
    for model, definition in models.items():
        for name, field in definition.get("properties", {}).items():
            yield f"{model}.{name}".lstrip("."), field


def _refused_at(bench: Bench, config: Mapping[str, object]) -> str | None:
    """Return the path that an error names, empty if it names none; ``None`` if accepted."""
    try:
        bench.construct(config)
    except ValidationError as error:
        return ".".join(str(step) for step in error.errors(include_input=False)[0]["loc"])
    except ConfigError as error:
        return str(error).strip("('")
    return None
