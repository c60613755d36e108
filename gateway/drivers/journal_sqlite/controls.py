"""What operators have set for destinations."""

import json
import sqlite3

from gateway.audit.head import Head
from gateway.domain.control import Control, Setting
from gateway.domain.entry import Entry
from gateway.drivers.journal_sqlite import queries, rows, steps


def controls(connection: sqlite3.Connection) -> list[Control]:
    """Return every destination's last control, by destination."""
    return [_to_control(row) for row in connection.execute(queries.CONTROLS)]


def put_control(connection: sqlite3.Connection, head: Head, control: Control, entry: Entry) -> bool:
    """Store a control if it is the next version of its destination's."""
    parameters = (
        control.destination,
        control.version,
        json.dumps(dict(control.settings), ensure_ascii=False, allow_nan=False),
        control.changed_by,
        rows.from_time(control.changed_at),
        control.reason,
    )
    if connection.execute(queries.PUT_CONTROL, parameters).rowcount == 0:
        return False
    steps.append(connection, head, (entry,))
    return True


def _to_control(row: sqlite3.Row) -> Control:
    return Control(
        destination=row["destination"],
        version=row["version"],
        settings={name: _to_setting(value) for name, value in json.loads(row["settings"]).items()},
        changed_by=row["changed_by"],
        changed_at=rows.to_time(row["changed_at"]),
        reason=row["reason"],
    )


def _to_setting(value: Setting | list[str]) -> Setting:
    # JSON has no tuples.
    return tuple(value) if isinstance(value, list) else value
