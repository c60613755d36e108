"""What a delivered file holds. Pure: an application in, bytes out."""

import json

from adapters.file.config import ColumnConfig, CSVConfig, FileConfig
from gateway.formats.csv_record import (
    Column,
    FieldRefusedError,
    Layout,
    Padding,
    encode,
    write_record,
)
from gateway.sdk import Application, RejectedError


def file_bytes(application: Application, idempotency_key: str, config: FileConfig) -> bytes:
    """Return the whole content of the application's file.

    JSON is UTF-8 with a final line feed, names as they were sent (no Unicode
    normalisation). CSV is an optional header row and one record, each ended by CR LF.

    Raises:
        RejectedError: A value cannot be written; says which field and why.
    """
    document = application.document(idempotency_key)
    try:
        if config.csv is None:
            return encode(json.dumps(document, ensure_ascii=False, indent=2) + "\n", "utf-8")
        return write_record(layout(config.csv), document)
    except FieldRefusedError as error:
        raise RejectedError(error.reason, error.pointer) from None


def preview(content: bytes, config: FileConfig) -> str:
    """Return a file's content as its reader sees it."""
    return content.decode("utf-8" if config.csv is None else config.csv.encoding)


def layout(config: CSVConfig) -> Layout:
    """Return the record layout that the configuration describes."""
    return Layout(
        columns=tuple(_column(column) for column in config.columns),
        encoding=config.encoding,
        header=config.header,
        quoting=config.quoting,
    )


def _column(column: ColumnConfig) -> Column:
    padding = None
    if column.pad_bytes is not None:
        padding = Padding(length=column.pad_bytes, fill=column.pad_with, side=column.pad_side)
    return Column(
        name=column.name,
        pointers=column.pointers if column.pointer is None else (column.pointer,),
        separator=column.separator,
        literal=column.literal or "",
        required=column.required,
        codes=column.codes,
        date=column.date,
        era_codes=column.era_codes,
        width=column.width,
        line_breaks=column.line_breaks,
        padding=padding,
        max_bytes=column.max_bytes,
    )
