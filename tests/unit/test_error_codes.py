"""Every code that a delivery can come to has a meaning and an action on the page of codes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")


def codes_of_deliveries() -> Iterator[str]:
    """Yield the literal codes with which the services report or hold a delivery."""
    for file in (ROOT / "gateway/services").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                    yield code
                case ast.Call(
                    func=ast.Name(id="_doubtful"), args=[ast.Constant(value=str(code)), *_]
                ):
                    yield code


def test_every_code_of_a_delivery_stands_on_the_page_of_codes() -> None:
    codes = {code for code in codes_of_deliveries() if code != "check.ok"}

    assert "delivery.crash_loop" in codes
    assert {code for code in codes if f"| `{code}` |" not in PAGE} == set()


def codes_of_webhooks() -> Iterator[str]:
    """Yield what the client of webhooks says of an answer, or of none."""
    file = ROOT / "gateway/drivers/webhook_client.py"
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Constant(value=str(code)) if code.startswith("webhook."):
                yield code


def test_every_code_of_a_webhook_stands_on_the_page_of_codes() -> None:
    codes = set(codes_of_webhooks())

    assert "webhook.timeout" in codes
    assert {code for code in codes if f"| `{code}` |" not in PAGE} == set()


def codes_of_results() -> Iterator[str]:
    """Yield what stands in the source as the code of a result that cannot be read."""
    for folder in ("gateway/formats", "adapters"):
        for file in (ROOT / folder).rglob("*.py"):
            if "tests" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Constant(value=str(code)) if re.fullmatch(
                        r"(result|csv|xml|batch)\.[a-z_]+|record\.wrong_length", code
                    ):
                        yield code


def test_every_code_of_a_result_stands_on_the_page_of_codes() -> None:
    codes = set(codes_of_results())

    assert "result.status_unknown" in codes
    assert {code for code in codes if f"| `{code}` |" not in PAGE} == set()
