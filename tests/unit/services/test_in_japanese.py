"""Every sentence of an operation's refusal stands in Japanese, too."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import gateway.services.operate.in_japanese as told
from gateway.domain.values.password import PasswordFault
from gateway.services.operate.accounts import PasswordRefusedError
from gateway.services.operate.in_japanese import ONLY_AT_THE_MACHINE, SENTENCES, in_japanese

_FOLDER = Path(told.__file__).parent
_CLASSES = {
    "ChangedMeanwhileError",
    "DecidedError",
    "NotFoundError",
    "OperationError",
    "OwnRequestError",
}


def said() -> Iterator[tuple[str, str]]:
    """Yield each sentence that an operation's file refuses with, and the file."""
    for file in sorted(_FOLDER.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            if node.func.id not in _CLASSES or not node.args:
                continue
            if sentence := template(node.args[0]):
                yield file.name, sentence


def template(node: ast.expr) -> str | None:
    """Return a text with ``{}`` for what is filled in; ``None`` for what is made elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(template(part) or "{}" for part in parts)
        case ast.BinOp(left=left, op=ast.Add()):
            return f"{template(left)}{{}}"
        case _:
            return None


def test_every_sentence_has_its_twin() -> None:
    # What is filled in alone says nothing in either language: ``NAME: what pydantic says``.
    missing = {
        (file, sentence)
        for file, sentence in said()
        if file not in ONLY_AT_THE_MACHINE
        and re.sub(r"[{}: ]", "", sentence)
        and sentence not in SENTENCES
    }

    assert not missing
    assert all(in_japanese(str(PasswordRefusedError(fault).args[0])) for fault in PasswordFault)


@pytest.mark.parametrize("english", SENTENCES)
def test_what_is_filled_in_stays(english: str) -> None:
    filled = english
    count = english.count("{}")
    for number in range(count):
        filled = filled.replace("{}", f"value-{number}", 1)

    japanese = in_japanese(filled)

    assert japanese is not None
    assert all(f"value-{number}" in japanese for number in range(count))


def test_a_sentence_of_nobody_has_none() -> None:
    assert in_japanese("something else") is None
    assert in_japanese("") is None
