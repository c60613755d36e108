"""How far long work is, is drawn for people at a terminal and for nobody else."""

import io

import pytest
from rich.console import Console

from gateway.cli.failures import CommandError, ExitCode
from gateway.cli.invocation import Invocation
from gateway.cli.progress import interruptible, progress


def drawn(*, as_json: bool, terminal: bool) -> str:
    written = io.StringIO()
    console = Console(file=written, force_terminal=terminal, width=80)
    invocation = Invocation(json=as_json)
    with progress(invocation, console) as bar:
        for _ in bar.track(range(3), description="[entries]"):
            bar.refresh()
    return written.getvalue()


def test_a_person_at_a_terminal_sees_how_far_it_is() -> None:
    text = drawn(as_json=False, terminal=True)

    assert "[entries]" in text
    assert "3/3" in text


@pytest.mark.parametrize(("as_json", "terminal"), [(True, True), (False, False), (True, False)])
def test_a_program_or_a_pipe_gets_none_of_it(*, as_json: bool, terminal: bool) -> None:
    assert not drawn(as_json=as_json, terminal=terminal).strip()


def test_somebody_who_presses_ctrl_c_is_told_what_is_the_case(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    with (
        pytest.raises(CommandError, match=r"^interrupted\. It goes on\.$") as told,
        interruptible("続きます。", "It goes on."),
    ):
        raise KeyboardInterrupt

    assert told.value.exit_code == ExitCode.INTERRUPTED
