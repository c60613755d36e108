"""What the console's overview finds, in its words."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.cli import words
from gateway.console.render import number, seconds
from gateway.console.words import load_words

_OF_TIME: Final = frozenset({"late", "log_not_sealed"})
"""Findings whose number is seconds."""


def sentences(finding: Mapping[str, Any]) -> tuple[str, str]:
    """Return what is not well, and what to do about it."""
    console, language = load_words(), words.language()
    code, many = finding["code"], finding["number"]
    said = seconds(many) if code in _OF_TIME else number(None if many is None else round(many))
    values = {"n": said, "name": finding["subject"]}
    return (
        console.say(language, f"overview.finding.{code}", **values),
        console.say(language, f"overview.do.{code}", **values),
    )


def all_well() -> str:
    """Return what is said where nothing was found."""
    return load_words().say(words.language(), "overview.verdict.well")
