"""What the gateway that runs here says; or the journal, if none runs."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from gateway import __version__
from gateway.cli.diagnosis.journal import is_made
from gateway.cli.diagnosis.line import Level, Line, Said, line
from gateway.cli.failures import failure
from gateway.cli.findings import all_well, sentences
from gateway.cli.invocation import Invocation
from gateway.cli.reach import answers, perform_within
from gateway.domain.errors import NodeNameTakenError
from gateway.ports.standing import JournalStanding
from gateway.settings.model import Settings

PATIENCE_S: Final = 10.0
"""Until a gateway must have answered; one that works does within milliseconds."""

_START: Final[Said] = (
    "kakehashi up または serve で起動してください。",
    "Start one: kakehashi up, or serve.",
)


def look_at_gateway(
    invocation: Invocation, settings: Settings, journal: JournalStanding | None
) -> Iterator[Line]:
    """Yield whether one runs here, and what it says of everything."""
    if answers(settings.home):
        try:
            overview = perform_within(PATIENCE_S, invocation, "overview")
        except Exception as error:
            found = failure(error)
            if found is None:
                raise
            yield line(
                "gateway",
                Level.BAD,
                (
                    f"稼働中ですが答えません: {'; '.join(found.lines)}",
                    f"It runs and gives no answer: {'; '.join(found.lines)}",
                ),
                (
                    "ログとデータベースを確認してください。固まっていれば再起動します。",
                    "See its log and the database; restart it if it is frozen.",
                ),
            )
            return
        runs = (f"稼働中 {overview['version']}", f"running, {overview['version']}")
        yield line("gateway", Level.OK, runs)
        yield from _version(overview)
        yield from _workers(overview)
        yield from _findings(overview)
        return
    if invocation.is_embedded and not is_made(settings):
        # Nobody configured one, and nobody ever started one: a first look round.
        yield line("gateway", Level.WARN, ("まだありません。", "There is none yet."), _START)
        return
    yield from _without_one(invocation, journal)


def _without_one(invocation: Invocation, journal: JournalStanding | None) -> Iterator[Line]:
    """Yield that none runs here, and what stands in the journal all the same."""
    overview: Mapping[str, Any] | None = None
    starts = False
    # Opened as a journal an older one would be migrated: a doctor changes nothing.
    if journal is not None and journal.schema == journal.newest:
        try:
            overview = perform_within(PATIENCE_S, invocation, "overview")
        except NodeNameTakenError:
            starts = True
        except Exception as error:
            found = failure(error)
            if found is None:
                raise
            yield Line("journal", Level.BAD, "; ".join(found.lines), found.hint)
    if starts:
        holds = (
            "起動中か停止中です(ジャーナルは使用中、ソケットはまだありません)。",
            "It starts, or stops: the journal is in use, and there is no socket.",
        )
        again = (
            "数秒後にもう一度。変わらなければログを見てください。",
            "Look again in some seconds; if it stays so, see its log.",
        )
        yield line("gateway", Level.BAD, holds, again)
        return
    yield line("gateway", Level.BAD, ("ここでは動いていません。", "None runs here."), _START)
    if overview is not None and overview["findings"]:
        # That nothing is found in the journal is no word that all is well.
        yield from _findings(overview)


def _version(overview: Mapping[str, Any]) -> Iterator[Line]:
    if overview["version"] != __version__:
        said = (
            f"このコマンドは {__version__}、ゲートウェイは {overview['version']} です。",
            f"This command is {__version__}, the gateway {overview['version']}.",
        )
        restart = ("更新後にゲートウェイを再起動してください。", "Restart it after an upgrade.")
        yield line("versions", Level.WARN, said, restart)


def _workers(overview: Mapping[str, Any]) -> Iterator[Line]:
    """Yield who lives; the overview itself finds only those for whom something waits."""
    alive = [each for each in overview["workers"] if each["alive"]]
    alone = [
        each["destination"]
        for each in overview["destinations"]
        if each["configured"] and not each["workers"] and not each["waiting"]
    ]
    if alive:
        versions = ", ".join(sorted({each["version"] for each in alive}))
        living = {each["worker"].partition("/")[0] for each in alive}
        said = (
            f"{len(living)} 件が稼働中 ({versions})",
            f"{len(living)} alive ({versions})",
        )
        yield line("workers", Level.OK, said)
    # Workers report through the broker: while it is down nobody knows whether they run.
    if alone and overview["broker"] is not False:
        names = ", ".join(alone)
        said = (f"動いているワーカーがありません: {names}", f"none lives for: {names}")
        start = (
            "kakehashi work 配信先名 で起動してください。申請は失われません。",
            "Start one: kakehashi work NAME. Nothing is lost until then.",
        )
        yield line("workers", Level.WARN, said, start)


def _findings(overview: Mapping[str, Any]) -> Iterator[Line]:
    """Yield what the console's overview says first, in its words."""
    for found in overview["findings"]:
        yield Line("operation", Level(found["level"]), *sentences(found))
    if not overview["findings"]:
        yield Line("operation", Level.OK, all_well())
