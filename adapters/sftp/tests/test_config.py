from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from adapters.sftp import SFTPConfig


@pytest.fixture
def config(a_key: asyncssh.SSHKey) -> dict[str, Any]:
    return {
        "host": "sftp.example.jp",
        "host_keys": [a_key.export_public_key().decode().strip()],
        "username": "kakehashi",
        "password": "kogai-kinshi-2026",
    }


@pytest.mark.parametrize(
    ("folder", "state", "results"),
    [
        ("/drop", ".", []),
        ("/drop", "/drop/", []),
        ("/drop/in", "/drop", []),
        ("drop", "./", []),
        ("/drop", "/Drop", []),
        ("/drop", ".kakehashi", ["."]),
        ("/drop", ".kakehashi", ["/drop//."]),
        ("/drop", ".kakehashi", ["/results", "/drop"]),
        ("/drop", ".kakehashi", [".kakehashi"]),
        ("/drop", ".kakehashi", [".kakehashi/results"]),
        ("/drop", "/results/done", ["/results"]),
        ("/drop", "/results/bad/state", ["/results"]),
        ("/results/done", ".kakehashi", ["/results"]),
        ("/drop", ".kakehashi", ["/results", "/results/bad"]),
    ],
)
def test_folders_that_are_the_same_or_lie_in_one_that_is_ours_are_refused(
    folder: str, state: str, results: list[str], config: dict[str, Any]
) -> None:
    each = [{"folder": text} for text in results]

    with pytest.raises(ValidationError, match=r"lies in|are the same"):
        SFTPConfig.model_validate(
            {**config, "folder": folder, "state_folder": state, "results": each}
        )


@pytest.mark.parametrize(
    ("folder", "state", "results"),
    [
        ("/drop", ".kakehashi", ["results"]),
        ("/drop", "/state", ["/results", "/results"]),
        ("/all/in", "/all/state", ["/all"]),
        (".", ".kakehashi", ["results", "errors"]),
        ("/drop", "/dropped", ["/drop2"]),
    ],
)
def test_folders_that_lie_beside_each_other_or_below_the_drop_folder_are_taken(
    folder: str, state: str, results: list[str], config: dict[str, Any]
) -> None:
    each = [{"folder": text} for text in results]

    taken = SFTPConfig.model_validate(
        {**config, "folder": folder, "state_folder": state, "results": each}
    )

    assert taken.folder == folder
