"""The sample applications of an adapter, and others made of them."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.sdk import Application

FIRST_KEY: Final = "0193453a-0000-7000-8000-000000000001"
"""The idempotency key that ``NAME.native.*`` is written with."""

_ID: Final = "01934539-0000-7000-8000-000000000001"
_ACCEPTED_AT: Final = datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
_MUNICIPALITY: Final = "131016"
_MESSAGE: Final = ".message.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """One request body and what goes with it.

    Attributes:
        name: Its file's name up to ``.message.json``.
        body: As the front end sent it.
        config: The destination's ``config:`` as far as the sample needs one of its own.
        native: What arrives, byte for byte, or ``None`` if nothing says so.
    """

    name: str
    body: Mapping[str, Any]
    config: Mapping[str, object]
    native: bytes | None

    def application(self, **over: Any) -> Application:
        """Return it as a worker would hand it to the adapter."""
        body = self.body
        place = body["applicant"].get("destination", {})
        application = Application(
            id=_ID,
            municipality=str(place.get("municipality_code", _MUNICIPALITY)),
            procedure=body["procedure"],
            version=body["version"],
            receipt_number=body["receipt_number"],
            supersedes=body.get("supersedes"),
            submitted_at=datetime.fromisoformat(body["submitted_at"]),
            accepted_at=_ACCEPTED_AT,
            applicant=body["applicant"],
            content=body["content"],
        )
        return replace(application, **over)


def samples_in(folder: Path) -> tuple[Sample, ...]:
    """Return the samples of a folder, by name."""
    return tuple(_sample(path) for path in sorted(folder.glob(f"*{_MESSAGE}")))


def _sample(message: Path) -> Sample:
    name = message.name.removesuffix(_MESSAGE)
    config = message.with_name(f"{name}.config.json")
    natives = sorted(message.parent.glob(f"{name}.native.*"))
    return Sample(
        name=name,
        body=json.loads(message.read_text(encoding="utf-8")),
        config=json.loads(config.read_text(encoding="utf-8")) if config.exists() else {},
        native=natives[0].read_bytes() if natives else None,
    )


def with_every_text(application: Application, change: Callable[[str], str]) -> Application:
    """Return the application with each text of it changed, names of fields excepted."""
    return replace(
        application,
        applicant=_changed(application.applicant, change),
        content=_changed(application.content, change),
    )


def with_text(application: Application, pointer: str, text: str) -> Application:
    """Return the application with the text at ``pointer`` (RFC 6901) changed.

    Raises:
        KeyError: There is none.
    """
    part, *steps = pointer.lstrip("/").split("/")
    document = json.loads(json.dumps({"at": getattr(application, part)}))["at"]
    place: Any = document
    for step in steps[:-1]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if not isinstance(place[steps[-1]], str):
        raise KeyError(pointer)
    place[steps[-1]] = text
    return replace(application, **{part: document})


def texts_of(value: object) -> list[str]:
    """Return every text in a JSON value, names of fields excepted."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return [text for each in value.values() for text in texts_of(each)]
    if isinstance(value, list | tuple):
        return [text for each in value for text in texts_of(each)]
    return []


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _changed(each, change) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_changed(each, change) for each in value]
    return value
