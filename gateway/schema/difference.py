"""What a version of a procedure asks that another one did not, and whom that breaks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.schema.describe import Condition, Description, FormField

_LOWER: Final = frozenset({"minLength", "minimum", "minItems"})
_UPPER: Final = frozenset({"maxLength", "maximum", "maxItems"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is different.

    Attributes:
        pointer: Which field; empty for a condition or a check of the whole.
        kind: ``added``, ``removed``, ``required``, ``optional``, ``type``, ``format``,
            ``limits``, ``choices``, ``sensitivity``, ``title``, ``conditions`` or ``checks``.
        breaking: Whether a body that was right before may be refused now.
        before: What it was, in a few words; ``None`` if it was not there.
        after: What it is now, likewise.
    """

    pointer: str
    kind: str
    breaking: bool
    before: str | None = None
    after: str | None = None


def changes(before: Description, after: Description) -> tuple[Change, ...]:
    """Return what differs, in the order of the newer version; what is gone comes last."""
    old = {each.pointer: each for each in before.fields}
    new = {each.pointer: each for each in after.fields}
    return (
        *_fields(old, new),
        *_conditions(before, after),
        *_checks(before, after),
    )


def _fields(old: Mapping[str, FormField], new: Mapping[str, FormField]) -> Iterator[Change]:
    for pointer, field in new.items():
        if pointer in old:
            yield from _changed(old[pointer], field)
        else:
            yield Change(
                pointer=pointer, kind="added", breaking=field.required, after=_short(field)
            )
    for pointer in old.keys() - new.keys():
        # Objects are closed: whoever goes on sending it is refused.
        yield Change(pointer=pointer, kind="removed", breaking=True, before=_short(old[pointer]))


def _changed(old: FormField, new: FormField) -> Iterator[Change]:
    if old.required != new.required:
        kind = "required" if new.required else "optional"
        yield Change(pointer=new.pointer, kind=kind, breaking=new.required)
    for kind, was, now in (
        ("type", old.type, new.type),
        ("format", old.format, new.format),
        ("sensitivity", old.sensitivity, new.sensitivity),
    ):
        if was != now:
            breaking = kind != "sensitivity" and not (kind == "format" and now is None)
            yield Change(
                pointer=new.pointer,
                kind=kind,
                breaking=breaking,
                before=was or None,
                after=now or None,
            )
    if old.limits != new.limits:
        yield Change(
            pointer=new.pointer,
            kind="limits",
            breaking=_is_tighter(old, new),
            before=_bounds(old),
            after=_bounds(new),
        )
    if old.choices.keys() != new.choices.keys():
        gone = old.choices.keys() - new.choices.keys()
        yield Change(
            pointer=new.pointer,
            kind="choices",
            breaking=bool(gone) or not old.choices,
            before=", ".join(old.choices) or None,
            after=", ".join(new.choices) or None,
        )
    if old.title != new.title:
        yield Change(
            pointer=new.pointer,
            kind="title",
            breaking=False,
            before=old.title.get("ja"),
            after=new.title.get("ja"),
        )


def _is_tighter(old: FormField, new: FormField) -> bool:
    for name, now in new.limits.items():
        was = old.limits.get(name)
        if was == now:
            continue
        if was is None or isinstance(was, str) or isinstance(now, str):
            return True
        if (name in _LOWER and now > was) or (name in _UPPER and now < was):
            return True
        if name not in _LOWER | _UPPER:
            return True
    return False


def _conditions(before: Description, after: Description) -> Iterator[Change]:
    old, new = map(_keyed, (before.conditions, after.conditions))
    for key in new.keys() - old.keys():
        yield Change(pointer=key, kind="conditions", breaking=True, after=_demand(new[key]))
    for key in old.keys() - new.keys():
        yield Change(pointer=key, kind="conditions", breaking=False, before=_demand(old[key]))
    for key in old.keys() & new.keys():
        if old[key] != new[key]:
            was, now = _demand(old[key]), _demand(new[key])
            yield Change(pointer=key, kind="conditions", breaking=True, before=was, after=now)


def _checks(before: Description, after: Description) -> Iterator[Change]:
    for pointer, name in (each for each in after.checks if each not in before.checks):
        yield Change(pointer=pointer, kind="checks", breaking=True, after=name)
    for pointer, name in (each for each in before.checks if each not in after.checks):
        yield Change(pointer=pointer, kind="checks", breaking=False, before=name)


def _keyed(conditions: tuple[Condition, ...]) -> dict[str, Condition]:
    return {
        " ".join(f"{place}={'|'.join(values)}" for place, values in each.when.items()): each
        for each in conditions
    }


def _demand(condition: Condition) -> str:
    parts = [*(f"+{place}" for place in condition.required)]
    parts += [f"-{place}" for place in condition.forbidden]
    parts += [f"{place} {name} {value}" for (place, name), value in condition.limits.items()]
    return " ".join(parts)


def _short(field: FormField) -> str:
    return field.format or field.type


def _bounds(field: FormField) -> str | None:
    return ", ".join(f"{name} {value}" for name, value in field.limits.items()) or None
