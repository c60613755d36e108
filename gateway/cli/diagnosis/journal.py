"""What the journal's database says, without opening it as a journal."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gateway.cli.diagnosis.line import Level, Line, Said, line
from gateway.cli.failures import failure
from gateway.domain.errors import JournalUnavailableError, KakehashiError
from gateway.drivers.journal_sqlite.standing import look as look_at_file
from gateway.ports.clock import APART
from gateway.ports.standing import JournalStanding
from gateway.settings.model import Settings

PATIENCE_S: Final = 5.0
"""Until a database must have answered."""
OLDEST_POSTGRESQL: Final = 14
"""Older ones get no corrections any more (postgresql.org/support/versioning)."""

_SAID: Final[dict[str, Said]] = {
    "28": ("利用者名かパスワードを拒否されました。", "It refuses the user or the password."),
    "3D": ("そのデータベースはありません。", "There is no such database."),
    "53": ("接続数か資源が足りません。", "It has no connection, memory or disk left."),
    "57": ("起動中か停止中です。", "It is starting or stopping."),
    "TimeoutError": ("応答がありません。", "It does not answer."),
    "ConnectionRefusedError": ("そのポートは開いていません。", "Nothing listens at that port."),
    "gaierror": ("ホスト名を解決できません。", "Its host's name is not known."),
}
"""Beginnings of SQLSTATEs (PostgreSQL manual, appendix A) and kinds of errors."""


def look_at_journal(settings: Settings) -> tuple[JournalStanding | None, list[Line]]:
    """Return how it stands, ``None`` if that could not be told, and what to say of it."""
    scheme = urlsplit(settings.journal.url).scheme
    if scheme == "sqlite":
        if not is_made(settings):
            none = ("ジャーナルはまだありません。", "There is no journal yet.")
            made = ("最初の起動で作られます。", "The first start makes it.")
            return None, [line("journal", Level.WARN, none, made)]
    elif scheme not in ("postgresql", "postgres"):
        return None, []  # The configuration's own line says so.
    try:
        if scheme == "sqlite":
            found = look_at_file(_file(settings), timeout_s=PATIENCE_S)
        else:
            found = asyncio.run(_look_at_database(settings.journal.url))
    except ImportError:
        return None, []  # As above.
    except KakehashiError as error:
        return None, [_out_of_reach(error)]
    return found, [*_standing(found), *_unseen(settings)]


def is_made(settings: Settings) -> bool:
    """Tell whether a journal in a file is there; one in a database is taken to be."""
    return not settings.journal.url.startswith("sqlite:") or _file(settings).exists()


def _unseen(settings: Settings) -> Iterator[Line]:
    """Say that nobody will be told in time that a database's disk is full, unless they say more."""
    if settings.journal.url.startswith("sqlite:") or settings.journal.disk_bytes is not None:
        return
    unseen = (
        "データベースのディスクは、ここからは見えません。",
        "The database's disk cannot be seen from here.",
    )
    say = (
        "journal.disk_bytes に上限を設定すると、満杯までの日数を概況と警告で示します。",
        "Say in journal.disk_bytes what it may grow to: overview and alerts tell when it is full.",
    )
    yield line("disk", Level.WARN, unseen, say)


def _file(settings: Settings) -> Path:
    return Path(settings.journal.url.removeprefix("sqlite:///"))


async def _look_at_database(url: str) -> JournalStanding:
    from gateway.drivers.journal_postgres.standing import look  # noqa: PLC0415 - an extra

    return await look(url, timeout_s=PATIENCE_S)


def _out_of_reach(error: KakehashiError) -> Line:
    subject = str(error.args[0]) if error.args else ""
    for beginning, (japanese, english) in _SAID.items():
        if subject.startswith(beginning):
            gone = (
                f"データベースに接続できません。{japanese}",
                f"The database cannot be reached. {english}",
            )
            see = (
                "journal.url とデータベースを確認してください。直るまで受付は 503 です。",
                "See journal.url and the database. Until then front ends get 503.",
            )
            return line("journal", Level.BAD, gone, see)
    found = failure(error)
    hint = None if found is None else found.hint
    if hint is None and isinstance(error, JournalUnavailableError):
        hint = "See journal.url in the configuration."
    return Line("journal", Level.BAD, str(error), hint)


def _standing(found: JournalStanding) -> Iterator[Line]:
    schema = "-" if found.schema is None else str(found.schema)
    said = (
        f"読み取れます ({found.server}、スキーマ {schema})。",
        f"It can be read ({found.server}, schema {schema}).",
    )
    if found.schema is not None and found.schema > found.newest:
        newer = (
            f"より新しい版が使っています (スキーマ {schema}、この版は {found.newest})。",
            f"A newer release has used it (schema {schema}, this one has {found.newest}).",
        )
        upgrade = ("その版以降を使ってください。", "Run that release, or a later one.")
        yield line("journal", Level.BAD, newer, upgrade)
    elif found.schema is not None and found.schema < found.newest:
        older = (
            f"スキーマ {schema} です。この版は {found.newest} です。",
            f"It has schema {schema}, this release has {found.newest}.",
        )
        start = (
            "次の起動で更新されます(docs/howto/upgrade.md)。",
            "The next start migrates it; see docs/howto/upgrade.md.",
        )
        yield line("journal", Level.WARN, older, start)
    else:
        yield line("journal", Level.OK, said)
    if found.server.startswith("PostgreSQL") and found.major < OLDEST_POSTGRESQL:
        old = (
            f"{found.server} の保守は終わっています。",
            f"{found.server} is maintained by nobody any more.",
        )
        newer_server = (
            f"PostgreSQL {OLDEST_POSTGRESQL} 以降に更新してください。",
            f"Upgrade to PostgreSQL {OLDEST_POSTGRESQL} or later.",
        )
        yield line("versions", Level.WARN, old, newer_server)
    if found.clock_off_s is not None and abs(found.clock_off_s) > APART.total_seconds() / 2:
        off = (
            f"データベースの時計と {found.clock_off_s:+.1f} 秒違います。",
            f"It is {found.clock_off_s:+.1f} s off the database's.",
        )
        keep = ("両方を NTP で合わせてください。", "Have NTP keep both.")
        yield line("clock", Level.BAD, off, keep)
