"""What a delivered file holds, and what the server's refusals mean. Pure.

The table of meanings (draft-ietf-secsh-filexfer-02, 7, and -13, 9.1 for those above 8):

=====  =======================  ===========  ==========================================
code   the server says          meaning      because
=====  =======================  ===========  ==========================================
2, 10  no such file or path     unavailable  a folder is missing: meets every delivery
3      permission denied        unavailable  the same
4      failure                  transient    anything at all; a full disk if it has no room
8      unsupported              unavailable  the server cannot do what is needed
12     write protect            unavailable  mounted read-only
14     no space                 unavailable  disk full
15     quota exceeded           unavailable  the account's share is used up
20     invalid file name        unavailable  ``file_name`` meets every delivery alike
other                           transient
=====  =======================  ===========  ==========================================
"""

from collections.abc import Mapping
from typing import Final

from adapters.sftp.config import KEY_PLACE, SFTPConfig
from gateway.formats.charset import FieldRefusedError, encode
from gateway.formats.record import write_single
from gateway.sdk import (
    Application,
    DestinationUnavailableError,
    RejectedError,
    TransientError,
)

NO_SUCH_FILE: Final = 2
NO_SUCH_PATH: Final = 10
FAILURE: Final = 4
UNSUPPORTED: Final = 8
NO_SPACE: Final = 14

MEANINGS: Final[Mapping[int, str]] = {
    NO_SUCH_FILE: "sftp.folder_missing",
    NO_SUCH_PATH: "sftp.folder_missing",
    3: "sftp.permission_denied",
    UNSUPPORTED: "sftp.unsupported",
    12: "sftp.read_only",
    NO_SPACE: "sftp.disk_full",
    15: "sftp.quota_exceeded",
    19: "sftp.folder_missing",
    20: "sftp.name_refused",
}
"""Status codes that meet every delivery alike: nobody's attempt is counted."""


def file_bytes(application: Application, idempotency_key: str, config: SFTPConfig) -> bytes:
    """Return the whole content of the application's file, in the configured format.

    Raises:
        RejectedError: A value cannot be written; says which field and why.
    """
    try:
        return write_single(config.records, application.document(idempotency_key))
    except FieldRefusedError as error:
        raise RejectedError(error.reason, error.pointer) from None


def preview(name: str, content: bytes, config: SFTPConfig) -> str:
    """Return a file as its reader sees it, under its name."""
    trigger = "" if config.trigger_suffix is None else f"\n{name}{config.trigger_suffix}: (empty)"
    return f"{config.folder}/{name}:\n{config.records.shown(content)}{trigger}"


def file_name(idempotency_key: str, config: SFTPConfig) -> str:
    """Return the delivered file's name."""
    return config.name_pattern.replace(KEY_PLACE, idempotency_key)


def spelled(name: str, config: SFTPConfig) -> bytes:
    """Return a name as the server spells it."""
    return encode(name, config.name_encoding)


def refusal(status: int, *, is_full: bool = False) -> TransientError:
    """Return what a status of the server means for a delivery that had no effect.

    Args:
        status: ``SSH_FX_…``, other than OK.
        is_full: Whether the server says elsewhere that it has no room; version 3 of the
            protocol has no code for it.
    """
    if is_full and status == FAILURE:
        status = NO_SPACE
    reason = MEANINGS.get(status)
    if reason is None:
        return TransientError("sftp.refused" if status == FAILURE else "sftp.failed")
    return DestinationUnavailableError(reason)
