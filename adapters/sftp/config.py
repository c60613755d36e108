"""How an SFTP server is configured."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Final, Self

import asyncssh
from pydantic import AfterValidator, Field, SecretStr, model_validator

from gateway.formats.charset import Encoding, FieldRefusedError, encode
from gateway.formats.record_config import RecordConfig
from gateway.formats.result_config import ResultFileConfig
from gateway.sdk import AdapterConfig

KEY_PLACE: Final = "{key}"
DONE: Final = "done"
BAD: Final = "bad"
"""Folders in a results folder into which its files are moved."""

_LONGEST_NAME_BYTES: Final = 255
_KEY_LENGTH: Final = 36
_PATH: Final = re.compile(r"[^\x00-\x1f]+")
_MODE: Final = re.compile(r"0?[0-7]{3}")


def _is_path(text: str) -> str:
    if not _PATH.fullmatch(text) or ".." in text.split("/"):
        raise ValueError("not a path")
    return text


def _is_name(text: str) -> str:
    if not _PATH.fullmatch(text) or "/" in text or text in {".", ".."}:
        raise ValueError("not a file name")
    return text


def _is_public_key(line: str) -> str:
    try:
        asyncssh.import_public_key(line)
    except (asyncssh.KeyImportError, ValueError):
        raise ValueError("not a public key as in `ssh-keyscan`: ssh-ed25519 AAAA…") from None
    return line


RemotePath = Annotated[str, Field(min_length=1, max_length=1024), AfterValidator(_is_path)]
FileName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_is_name)]
PublicKey = Annotated[str, AfterValidator(_is_public_key)]


class ResultsConfig(ResultFileConfig):
    """Result files that the core system writes, read as feedback."""

    folder: RemotePath = Field(
        default="results",
        description="Where they appear; a relative path is below `folder`. Not `folder` itself.",
    )
    pattern: str = Field(
        default="*", min_length=1, description="Which names are results, e.g. `KEKKA_*.csv`."
    )
    poll_interval_s: float = Field(
        default=30.0, gt=0, le=86_400, description="How often the folder is listed."
    )
    settle_s: float = Field(
        default=10.0,
        ge=0,
        le=3600,
        description="A file is read once its size and time have not changed for so long.",
    )
    max_file_bytes: int = Field(
        default=16 * 1024 * 1024, ge=1, description="A larger file is set aside unread."
    )
    max_files: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="So many are looked at in one round; the others wait for the next.",
    )


class SFTPConfig(RecordConfig, AdapterConfig):
    """One folder of an SFTP server from which a core system takes files."""

    host: str = Field(min_length=1, max_length=253, description="Name or address of the server.")
    port: int = Field(default=22, ge=1, le=65_535, description="Its port.")
    host_keys: tuple[PublicKey, ...] = Field(
        min_length=1,
        max_length=16,
        description="The server's public keys, as `ssh-keyscan` prints them without the name, "
        "compared with its operators by another way. A key that is not here is never trusted; "
        "give the next one beside the present before it changes.",
    )
    username: str = Field(min_length=1, max_length=255, description="Whom to log in as.")
    password: SecretStr | None = Field(
        default=None, description="Password, from the environment; not from a YAML file."
    )
    password_file: Path | None = Field(
        default=None, description="File with the password; read again for each connection."
    )
    private_key_file: Path | None = Field(
        default=None, description="OpenSSH or PEM private key; read again for each connection."
    )
    private_key_passphrase: SecretStr | None = Field(
        default=None, description="Passphrase of the private key, from the environment."
    )

    folder: RemotePath = Field(
        description="The drop folder on the server; it must exist. A relative path is below the "
        "folder in which the login ends."
    )
    state_folder: RemotePath = Field(
        default=".kakehashi",
        description="Where unfinished files and the memory of deliveries lie; below `folder` if "
        "relative, on the same file system, made at the first delivery.",
    )
    file_name: FileName | None = Field(
        default=None,
        description="Name of a delivered file, e.g. `申請_{key}.csv`; `{key}` stands for the "
        "idempotency key. Without it: the key and the format's usual ending.",
    )
    name_encoding: Encoding = Field(
        default="utf-8", description="Of names on the server: `utf-8`, or `cp932`."
    )
    trigger_suffix: str | None = Field(
        default=None,
        pattern=r"^[0-9A-Za-z._-]{1,16}$",
        description="If given, an empty file of the same name with this behind it follows last, "
        "e.g. `.end`: the core system may take the file when it is there.",
    )
    file_mode: str | None = Field(
        default=None,
        pattern=_MODE.pattern,
        description="Permissions of delivered files in octal digits, e.g. `640`; the server's "
        "choice without it.",
    )
    key_memory_days: int = Field(
        default=90,
        ge=1,
        le=3650,
        description="How long the server's state folder remembers which deliveries it has had. "
        "Longer than any delivery stays unfinished: one in doubt after that could be sent twice.",
    )
    min_free_mib: int = Field(
        default=16,
        ge=0,
        description="With less free space `check` calls the server unavailable, where it tells.",
    )

    connect_timeout_s: float = Field(
        default=10.0, gt=0, le=300, description="Longest wait for a connection."
    )
    login_timeout_s: float = Field(
        default=15.0, gt=0, le=300, description="Longest wait for the login."
    )
    answer_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Longest wait for one answer; then the connection counts as dead.",
    )
    close_timeout_s: float = Field(
        default=10.0, ge=0, le=300, description="How long closing waits for running deliveries."
    )
    keepalive_s: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="How often an idle connection is tried; three without an answer end it.",
    )

    results: tuple[ResultsConfig, ...] = Field(
        default=(), max_length=16, description="Result files to read; none are read without it."
    )

    @model_validator(mode="after")
    def _can_log_in(self) -> Self:
        if self.password is not None and self.password_file is not None:
            raise ValueError("give password or password_file, not both")
        if not (self.password or self.password_file or self.private_key_file):
            raise ValueError("give a password, a password_file or a private_key_file")
        if self.private_key_passphrase is not None and self.private_key_file is None:
            raise ValueError("private_key_passphrase without private_key_file")
        return self

    @model_validator(mode="after")
    def _files_fit(self) -> Self:
        if self.batch is not None:
            raise ValueError("batch: this adapter writes one application a file")
        name = self.file_name or KEY_PLACE
        if name.count(KEY_PLACE) != 1:
            raise ValueError("file_name must have {key} once")
        texts = [name, self.folder, self.state_folder, *(each.folder for each in self.results)]
        for text in texts:
            try:
                encoded = encode(text, self.name_encoding)
            except FieldRefusedError as error:
                raise ValueError(f"{error.reason} in a name on the server") from None
            if text == name and len(encoded) + _KEY_LENGTH > _LONGEST_NAME_BYTES:
                raise ValueError("file_name is longer than file systems take")
        return self

    @model_validator(mode="after")
    def _folders_are_apart(self) -> Self:
        """Refuse a folder in which we would read, move or forget our own deliveries."""
        drop, state = _parts(self.folder), self._parts_of(self.state_folder)
        results = [self._parts_of(each.folder) for each in self.results]
        moved = [(*each, name) for each in results for name in (DONE, BAD)]
        pairs = [(inner, outer) for inner in (drop, *results) for outer in (state, *moved)]
        for inner, outer in [*pairs, *((state, each) for each in moved)]:
            if inner[: len(outer)] == outer:
                raise ValueError(f"folder {_shown(inner)} lies in {_shown(outer)}")
        if drop in results:
            raise ValueError("folder and a results folder are the same")
        return self

    @property
    def name_pattern(self) -> str:
        """The delivered file's name, with ``{key}`` in it."""
        return self.file_name or f"{KEY_PLACE}{self.records.suffix}"

    @property
    def mode(self) -> int | None:
        """Permissions of delivered files."""
        return None if self.file_mode is None else int(self.file_mode, 8)

    @property
    def key_memory(self) -> timedelta:
        """How long deliveries are remembered."""
        return timedelta(days=self.key_memory_days)

    def path_of(self, folder: str) -> bytes:
        """Return a folder's path as the server spells it; relative ones are below ``folder``."""
        return encode(self._whole(folder), self.name_encoding)

    def _whole(self, folder: str) -> str:
        return folder if folder.startswith("/") else f"{self.folder.rstrip('/')}/{folder}"

    def _parts_of(self, folder: str) -> tuple[str, ...]:
        return _parts(self._whole(folder))


def _parts(path: str) -> tuple[str, ...]:
    """Return a path's folders from the outermost; some servers do not tell cases apart."""
    start = "/" if path.startswith("/") else "."
    return (start, *(part for part in path.casefold().split("/") if part not in {"", "."}))


def _shown(parts: tuple[str, ...]) -> str:
    return "/".join(parts).replace("//", "/")
