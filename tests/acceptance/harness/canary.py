"""Values that must be found nowhere, and a search that finds them however they are written.

Every text of an application is replaced by one that occurs nowhere else. The search
looks for each in the encodings in which a careless program would leave it behind, and
inside everything that was compressed with zlib or gzip.
"""

import base64
import json
import random
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.acceptance.harness.applications import document

_KANJI: Final = (
    "弌丐丕个丱丼丿乂乖乘亂亅豫亊舒弍于亞亟亠亢亰亳亶从仍仄仆仂仗仞仭仟价伉佚估佛佝佗佇佶侈侏侘佻"
)
_KATAKANA: Final = (
    "アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワ"
)
_HALF_WIDTH: Final = "ｱｲｳｴｵｶｷｸｹｺｻｼｽｾｿﾀﾁﾂﾃﾄﾅﾆﾇﾈﾉﾊﾋﾌﾍﾎﾏﾐﾑﾒﾓﾔﾕﾖﾗﾘﾙﾚﾛﾜ"
_DRAWN: Final = {
    **dict.fromkeys(("family", "given", "town", "block", "building", "employer"), (_KANJI, 8)),
    **dict.fromkeys(("bank_name", "branch_name", "institution", "department"), (_KANJI, 8)),
    **dict.fromkeys(("preferred_time", "unavailable", "description", "given_by"), (_KANJI, 12)),
    **dict.fromkeys(("services_wanted", "insurer_name"), (_KANJI, 12)),
    **dict.fromkeys(("family_kana", "given_kana"), (_KATAKANA, 10)),
    "holder": (_HALF_WIDTH, 14),
}
"""Letters and length of each member's canary."""
_WEIGHTS: Final = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
"""平成26年総務省令第85号第5条."""
_MAGIC: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08")
_LONGEST_STREAM: Final = 4 * 1024 * 1024
_NOTHING: Final = re.compile(rb"\0{64,}")
"""What journals and logs are filled up with, megabytes of it."""


class Canaries:
    """One application of planted values.

    Attributes:
        document: The application, complete and valid.
        key: Its ``Idempotency-Key``, itself a canary.
        values: What was planted: name to text.
    """

    def __init__(self, procedure: str, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.values: dict[str, str] = {}
        self.key = self._plant("idempotency_key", f"key-{self._digits(16)}")
        number = self._plant("receipt_number", f"R-{self._digits(16)}")
        self.document = document(procedure, number)
        for part in ("applicant", "content"):
            self._replace(self.document[part], part)

    def _plant(self, name: str, text: str) -> str:
        self.values[name] = text
        return text

    def _replace(self, node: Any, path: str) -> None:
        members = node.items() if isinstance(node, dict) else enumerate(node)
        for name, value in list(members):
            here = f"{path}/{name}"
            if isinstance(value, dict | list):
                self._replace(value, here)
            elif isinstance(value, str) and (text := self._like(str(name), value)):
                node[name] = self._plant(here, text)

    def _like(self, name: str, value: str) -> str | None:
        """Return a canary in place of ``value``, or ``None`` where the form leaves no room."""
        if name in _DRAWN:
            return self._text(*_DRAWN[name])
        match name:
            case "my_number":
                return self._my_number()
            case "phone":
                return f"090{self._digits(8)}"
            case "email":
                return f"{self._text('bcdfghjkmnpqrstvwxz', 14)}@example.jp"
            case "name" if not value.isascii():
                return self._text(_KANJI, 8)
        return None

    def _text(self, letters: str, length: int) -> str:
        return "".join(self._random.choices(letters, k=length))

    def _digits(self, length: int) -> str:
        return self._text("0123456789", length)

    def _my_number(self) -> str:
        eleven = self._digits(11)
        total = sum(w * int(d) for w, d in zip(_WEIGHTS, eleven, strict=True))
        return eleven + ("0" if total % 11 <= 1 else str(11 - total % 11))


def forms(text: str) -> dict[str, bytes]:
    """Return every way in which ``text`` may have been written down, without duplicates."""
    written: dict[str, bytes] = {}
    for charset in ("utf-8", "cp932", "utf-16-le", "utf-16-be"):
        plain = text.encode(charset)
        written[charset] = plain
        for offset in range(3):
            written[f"{charset} base64 at {offset}"] = _base64(plain, offset)
        written[f"{charset} hex"] = plain.hex().encode()
        written[f"{charset} HEX"] = plain.hex().upper().encode()
    escaped = json.dumps(text)[1:-1]
    written["json escaped"] = escaped.encode()
    written["JSON escaped"] = re.sub(r"(?<=\\u)\w{4}", lambda hit: hit[0].upper(), escaped).encode()
    for name, pattern in list(written.items()):
        if "base64" in name:
            written[f"{name}, for URLs"] = pattern.translate(bytes.maketrans(b"+/", b"-_"))
    unique = {pattern: name for name, pattern in reversed(written.items())}
    return {name: pattern for pattern, name in unique.items()}


def _base64(plain: bytes, offset: int) -> bytes:
    """Return what is certain of ``plain`` in a base64 text in which it begins at ``offset``."""
    whole = base64.b64encode(bytes(offset) + plain)
    first = (0, 2, 3)[offset]
    return whole[first : (offset + len(plain)) * 8 // 6]


Pattern = tuple[str, str, bytes]
"""Name of the value, name of the form, bytes."""


def patterns(values: Mapping[str, str]) -> list[Pattern]:
    """Return what to search for."""
    return [
        (name, form, pattern)
        for name, text in values.items()
        for form, pattern in forms(text).items()
    ]


def found_in(content: bytes, wanted: Iterable[Pattern]) -> Iterator[tuple[str, str]]:
    """Yield value and form of everything that is found, in the open or compressed."""
    wanted = list(wanted)
    content = _NOTHING.sub(bytes(8), content)
    streams = [(b"", content), *((b"deflated ", stream) for stream in _inflated(content))]
    for how, stream in streams:
        for name, form, pattern in wanted:
            if pattern in stream:
                yield name, how.decode() + form


def _inflated(content: bytes) -> Iterator[bytes]:
    for hit in _MAGIC.finditer(content):
        reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            stream = reader.decompress(
                content[hit.start() : hit.start() + _LONGEST_STREAM], _LONGEST_STREAM
            )
        except zlib.error:
            continue
        if stream:
            yield stream


def found_below(
    folders: Iterable[Path],
    wanted: Iterable[Pattern],
    *,
    since: float,
    without: Iterable[Path] = (),
) -> dict[str, set[tuple[str, str]]]:
    """Return what is found in the files written since ``since``, by path."""
    wanted, skipped = list(wanted), tuple(without)
    found: dict[str, set[tuple[str, str]]] = {}
    for folder in folders:
        for path in folder.rglob("*"):
            if any(path.is_relative_to(each) for each in skipped):
                continue
            try:
                if not path.is_file() or path.stat().st_mtime < since:
                    continue
                hits = set(found_in(path.read_bytes(), wanted))
            except FileNotFoundError:
                continue  # taken away meanwhile, by who owns it
            if hits:
                found[str(path)] = hits
    return found


def missing(
    canaries: Iterable[Canaries], hits: set[tuple[str, str]], *, cut: bool = False
) -> dict[str, set[str]]:
    """Return what a control run should have shown and did not: form to names of values.

    Args:
        canaries: What was sent; the idempotency key is never sealed.
        hits: Value and form of what was found in one place.
        cut: The place cuts long values into pieces (pages, chunks): one in ten may be
            missed in each form because it was cut, and what is compressed is not expected.
    """
    texts = {
        name: text
        for canary in canaries
        for name, text in canary.values.items()
        if name != "idempotency_key"
    }
    # What is ASCII is the same in these as in UTF-8.
    wide = frozenset(name for name, text in texts.items() if not text.isascii())
    everywhere = ["utf-8", "utf-16-le", "utf-16-be", "utf-8 hex"]
    everywhere += [f"utf-8 base64 at {offset}" for offset in range(3)]
    wanted = dict.fromkeys(everywhere, frozenset(texts))
    wanted |= dict.fromkeys(("cp932", "json escaped"), wide)
    if not cut:
        wanted["deflated utf-8"] = frozenset(texts)
    missed = {
        form: names - {name for name, each in hits if each.startswith(form)}
        for form, names in wanted.items()
    }
    allowed = len(texts) // 10 if cut else 0
    return {form: names for form, names in missed.items() if len(names) > allowed}
