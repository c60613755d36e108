"""Values that no audit log may show: words of persons and systems, and plain hashes of them.

A plain hash of a number that can be guessed is as good as the number: each value is also
looked for as what common hash functions make of it.
"""

import base64
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from urllib.parse import quote

from tests.acceptance.harness.canary import Pattern, found_in, patterns

_KANJI: Final = "栃畑笹萩鞆鴨桐柊椋楢榎槇樫櫟梓楓樺檜"
_LETTERS: Final = "bcdfghjkmnpqrstvwxz"
_HASHES: Final = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b")
_WINDOW: Final = 8


class Plants:
    """Makes canaries and remembers them.

    Attributes:
        values: What was planted: name to text.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.values: dict[str, str] = {}

    def words(self, name: str) -> str:
        """Plant words as a person would write them."""
        return self._plant(name, "".join(self._random.choices(_KANJI, k=12)))

    def token(self, name: str, *, begin: str = "") -> str:
        """Plant ASCII letters, as they go into headers and addresses."""
        return self._plant(name, begin + "".join(self._random.choices(_LETTERS, k=18)))

    def number(self, name: str) -> str:
        """Plant as many digits as a My Number has."""
        return self._plant(name, "".join(self._random.choices("0123456789", k=12)))

    def trace(self, name: str) -> str:
        """Plant a trace id."""
        return self._plant(name, "".join(self._random.choices("123456789abcdef", k=32)))

    def _plant(self, name: str, text: str) -> str:
        assert name not in self.values
        self.values[name] = text
        return text


def wanted(values: Mapping[str, str]) -> list[Pattern]:
    """Return what to search for: the values, in every form, and plain hashes of them."""
    found = patterns(values)
    for name, text in values.items():
        if not text.isascii():
            found.append((name, "percent", quote(text).encode()))
        found += [(name, form, pattern) for form, pattern in _hashes(text)]
    return found


def _hashes(text: str) -> Iterator[tuple[str, bytes]]:
    """Yield plain hashes of a value as it stands and as JSON writes it."""
    written = {
        "": text.encode(),
        "CP932 ": text.encode("cp932"),
        "JSON ": json.dumps(text, ensure_ascii=False).encode(),
        "escaped JSON ": json.dumps(text).encode(),
    }
    unique = {content: how for how, content in reversed(written.items())}
    for content, how in unique.items():
        for name in _HASHES:
            digest = hashlib.new(name, content).digest()
            yield f"{how}{name}", digest
            yield f"{how}{name} hex", digest.hex().encode()
            yield f"{how}{name} HEX", digest.hex().upper().encode()
            for offset in range(3):
                whole = base64.b64encode(bytes(offset) + digest)
                sure = whole[(0, 2, 3)[offset] : (offset + len(digest)) * 8 // 6]
                yield f"{how}{name} base64 at {offset}", sure
                for_urls = sure.translate(bytes.maketrans(b"+/", b"-_"))
                yield f"{how}{name} base64 at {offset}, for URLs", for_urls


class Search:
    """Looks for many patterns at once: thousands of hashes in megabytes of files."""

    def __init__(self, wanted: Iterable[Pattern]) -> None:
        """Sort the patterns by how they begin; each has at least eight bytes."""
        self._by_start: dict[bytes, list[Pattern]] = {}
        for pattern in wanted:
            assert len(pattern[2]) >= _WINDOW, pattern
            self._by_start.setdefault(pattern[2][:_WINDOW], []).append(pattern)

    def __call__(self, content: bytes) -> set[tuple[str, str]]:
        """Return value and form of everything that is found, in the open or compressed."""
        # In pieces, each as long as what is remembered of it may be; none is cut at a seam.
        starts: set[bytes] = set()
        for first in range(0, len(content), _PIECE):
            piece = content[first : first + _PIECE + _WINDOW]
            seen = {piece[i : i + _WINDOW] for i in range(len(piece) - _WINDOW + 1)}
            starts |= seen & self._by_start.keys()
        likely = [pattern for start in starts for pattern in self._by_start[start]]
        found = {(name, form) for name, form, pattern in likely if pattern in content}
        return found | set(found_in(content, self._plain))

    @property
    def _plain(self) -> list[Pattern]:
        """Return what is looked for in compressed parts too: values as they stand."""
        return [each for some in self._by_start.values() for each in some if each[1] == "utf-8"]


_PIECE: Final = 1 << 20
