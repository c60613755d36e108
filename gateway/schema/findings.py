"""From the validator's errors to ours: each keyword has its code, no value comes along."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from jsonschema_rs import ValidationError, ValidationErrorKind

from gateway.schema.checks import CHECKS, Finding
from gateway.schema.errors import FieldError, fragment
from gateway.schema.formats import FAULTS

_CODES: Final[dict[str, tuple[str, str | None]]] = {
    "type": ("field.type", None),
    "enum": ("value.not_in_list", None),
    "const": ("value.not_in_list", None),
    "falseSchema": ("field.not_applicable", None),
    "additionalProperties": ("field.unknown", None),
    "unevaluatedProperties": ("field.unknown", None),
    "pattern": ("text.pattern", None),
    "minLength": ("text.too_short", "limit"),
    "maxLength": ("text.too_long", "limit"),
    "minimum": ("number.too_small", "limit"),
    "maximum": ("number.too_large", "limit"),
    "minItems": ("list.too_short", "limit"),
    "maxItems": ("list.too_long", "limit"),
    "uniqueItems": ("list.not_unique", None),
}
"""JSON Schema keyword to our code, and which of its facts is the limit. A keyword that is
not here gives ``field.invalid``."""


class CheckFailedError(ValueError):
    """What one cross-field check found, on its way through the validator as JSON text."""

    def __init__(self, finding: Finding) -> None:
        """Write the place and the code as one array."""
        place, code = finding
        super().__init__(json.dumps([*place, code]))


class CrossFieldChecks:
    """The keyword ``x-checks``: a list of names of ``gateway.schema.checks``."""

    def __init__(
        self, _parent: Mapping[str, object], names: Sequence[str], _path: Sequence[str | int]
    ) -> None:
        """Look the checks up, so that an unknown name fails when the file is loaded."""
        self._checks = [CHECKS[name] for name in names]

    def validate(self, instance: object) -> None:
        """Raise the first thing found.

        Raises:
            CheckFailedError: Something was found.
        """
        for error in self.iter_errors(instance):
            raise error

    def iter_errors(self, instance: object) -> Iterator[CheckFailedError]:
        """Yield everything found."""
        if isinstance(instance, Mapping):
            for check in self._checks:
                yield from map(CheckFailedError, check(instance))


def findings(
    errors: Iterable[ValidationError], document: Mapping[str, object], known: frozenset[str]
) -> Iterator[FieldError]:
    """Yield our error for each of the validator's.

    Args:
        errors: What the validator found.
        document: What it was found in; values are read from it to name what is wrong with
            them, and go no further.
        known: Member names that may appear in a pointer; a pointer ends before others.
    """
    for error in errors:
        place = error.instance_path
        kind = error.kind
        if isinstance(kind, ValidationErrorKind.Required):
            yield FieldError(_pointer([*place, kind.property], known), "field.required")
        elif isinstance(kind, ValidationErrorKind.Format):
            code = _format_code(kind.format, _value(document, place))
            yield FieldError(_pointer(place, known), code)
        elif isinstance(kind, ValidationErrorKind.Custom):
            *inner, code = json.loads(kind.message)
            yield FieldError(_pointer([*place, *inner], known), code)
        else:
            code, limit = _CODES.get(kind.name, ("field.invalid", None))
            params = () if limit is None else ((limit, kind.as_dict()[limit]),)
            yield FieldError(_pointer(place, known), code, params)


def _format_code(name: str, value: object) -> str:
    fault = FAULTS[name](value) if isinstance(value, str) else None
    return fault or "field.invalid"


def _value(document: object, place: Iterable[str | int]) -> object:
    for token in place:
        document = document[token]  # type: ignore[index]  # the validator walked this path
    return document


def _pointer(place: Iterable[str | int], known: frozenset[str]) -> str:
    tokens: list[str | int] = []
    for token in place:
        if isinstance(token, str) and token not in known:
            break
        tokens.append(token)
    return fragment(tokens)
