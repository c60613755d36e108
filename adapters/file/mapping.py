"""What a delivered file holds, and what a result says. Pure: nothing is read or written."""

from collections.abc import Mapping

from adapters.file.config import FileConfig
from gateway.formats.charset import FieldRefusedError
from gateway.formats.record import write_batch, write_single
from gateway.formats.result_file import Result
from gateway.sdk import JST, Application, Feedback, RejectedError


def checked_document(
    application: Application, idempotency_key: str, config: FileConfig
) -> Mapping[str, object]:
    """Return the application as one JSON document that can surely be written.

    A record of a batch is tried with the largest numbers it may get, so that what stands in
    its file later cannot refuse it.

    Raises:
        RejectedError: A value cannot be written; says which field and why.
    """
    document = application.document(idempotency_key)
    try:
        if config.batch is None:
            write_single(config.records, document)
        else:
            for facts in config.batch.extremes():
                config.records.record({**document, **facts.document(config.batch.max_records)})
    except FieldRefusedError as error:
        raise RejectedError(error.reason, error.pointer) from None
    return document


def file_bytes(application: Application, idempotency_key: str, config: FileConfig) -> bytes:
    """Return the whole content of a file that has only this application.

    Raises:
        RejectedError: A value cannot be written; says which field and why.
    """
    document = checked_document(application, idempotency_key, config)
    if config.batch is None:
        return write_single(config.records, document)
    facts = config.batch.facts(
        sequence=1,
        count=1,
        closed_at=application.accepted_at.astimezone(JST),
        suffix=config.records.suffix,
    )
    return write_batch(config.records, [document], facts)


def preview(content: bytes, config: FileConfig) -> str:
    """Return a file's content for people: text, or fields with their places and bytes."""
    return config.records.shown(content)


def feedback_of(result: Result) -> Feedback:
    """Return what one line of a result file says, as the gateway takes it."""
    return Feedback(
        id=result.id,
        idempotency_key=result.key,
        status=result.status,
        at=result.at,
        code=result.code,
        reference=result.reference,
    )
