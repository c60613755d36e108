"""What a server or a file says of itself to somebody who only looks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalStanding:
    """A journal's database, as it is without being opened as a journal.

    Attributes:
        server: Its kind and version, such as ``PostgreSQL 15.4``.
        major: The first number of that version.
        schema: The last migration that was applied; ``None``: nobody has used it yet.
        newest: The last migration that this release has.
        clock_off_s: How far this machine's clock is ahead of the database's, seconds; ``None``
            where they are the same.
    """

    server: str
    major: int
    schema: int | None
    newest: int
    clock_off_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerStanding:
    """A broker and the queues on it that concern whoever looks.

    Attributes:
        version: Of RabbitMQ; empty if it does not say.
        missing: Exchanges and queues that are not there.
        different: Those that have other arguments.
        idle: Queues of destinations that nobody takes from now.
    """

    version: str
    missing: tuple[str, ...] = ()
    different: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
