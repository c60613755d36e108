"""Every action of the audit log is written by somebody, and some test sees it written."""

from pathlib import Path
from typing import Final

import pytest

from gateway.domain.entry import Action

ROOT: Final = Path(__file__).parents[3]
WRITERS: Final = ("gateway/services", "gateway/bootstrap")
READERS: Final = frozenset({"report_log.py", "verify_log.py"})
"""Name actions to count or compare them."""


def sources(*folders: str) -> str:
    return "\n".join(
        path.read_text()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.name not in READERS and path != Path(__file__)
    )


@pytest.mark.parametrize(
    "folders", [WRITERS, ("tests", "gateway/testing")], ids=["written", "tested"]
)
def test_no_action_is_only_a_word(folders: tuple[str, ...]) -> None:
    text = sources(*folders)

    missing = [
        action
        for action in Action
        if f"Action.{action.name}" not in text and f'"{action}"' not in text
    ]

    assert missing == []
