"""The page of everything that is logged."""

from gateway.cli.log_events import EVENTS
from gateway.cli.log_fields import FIELDS, FieldClass
from reference.source import GENERATED, table

_INTRODUCTION = """# Log events

Gateway and workers log to standard error, one JSON object a line (`log.format`). `event` says what
happened, `level` how bad it is, `timestamp` when (UTC), every other field is in the tables below.

- `info`: what happens as it should. `warning`: somebody may act. `error`: somebody must.
- What goes is logged once, and once when it is back.
- One line for each application and hop: `http.answered` and `application.accepted` (front door),
  `copy.published` (relay), `delivery.attempted` (worker), `outcome.recorded`, `feedback.recorded`,
  `webhook.sent` or `webhook.not_taken`. They have `application_id` and `trace_id`, and the numbers
  to sort by: `duration_ms`, `publish_ms`, `send_ms`, `in_hand_ms`, `answer_ms`, `age_ms`, bytes,
  `attempt`.
- A field that is not in the table is written as `[unknown field]`, and counted in `unknown_fields`;
  so are those that other people's adapters log. Texts are cut after 500 characters, and what is not
  printable is escaped.
- `kakehashi log level` changes what is written while everything runs (docs/howto/traces.md).

"""


def page() -> str:
    """Return the whole page."""
    rows = [
        [
            f"`{name}`",
            ", ".join(event.levels),
            ", ".join(f"`{each}`" for each in event.fields) or "–",
            event.meaning,
        ]
        for name, event in sorted(EVENTS.items())
    ]
    shown = [
        [f"`{name}`", field.kind.value, field.meaning]
        for name, field in sorted(FIELDS.items())
        if field.kind in (FieldClass.PUBLIC, FieldClass.INTERNAL)
    ]
    hidden = [
        f"`{name}`"
        for name, field in sorted(FIELDS.items())
        if field.kind not in (FieldClass.PUBLIC, FieldClass.INTERNAL)
    ]
    return "".join(
        [
            GENERATED.format(source="`gateway/cli/log_events.py` and `gateway/cli/log_fields.py`"),
            _INTRODUCTION,
            "## Events\n\n",
            table(["event", "level", "fields", "meaning"], rows),
            "\n## Fields\n\n",
            table(["field", "class", "what it says"], shown),
            "\nNever written, whatever they hold: " + ", ".join(hidden) + ".\n",
        ]
    )
