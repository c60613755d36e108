"""What the console says, in Japanese and English: one file of words for each page."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml

Language = Literal["ja", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("ja", "en")

_FOLDER: Final = Path(__file__).parent


class Words:
    """Every text of the console by its name, ``PAGE.WORD``: ``overview.title``."""

    def __init__(self, texts: Mapping[str, tuple[str, str]]) -> None:
        """Keep the texts; each is a pair, Japanese first."""
        self._texts = texts

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a text of this name."""
        return name in self._texts

    def say(self, language: Language, name: str, /, **values: object) -> str:
        """Return a text with ``{value}`` filled in.

        Raises:
            KeyError: There is no such text, or a value is missing: a mistake of ours.
        """
        return self._texts[name][LANGUAGES.index(language)].format(**values)


@cache
def load_words(folder: Path = _FOLDER) -> Words:
    """Read ``PAGE.yaml``, each a mapping of names to ``[Japanese, English]``; once a process.

    Raises:
        ValueError: A text is not a pair.
    """
    texts: dict[str, tuple[str, str]] = {}
    for file in sorted(folder.glob("*.yaml")):
        for name, pair in yaml.safe_load(file.read_text(encoding="utf-8")).items():
            if not isinstance(pair, list) or len(pair) != len(LANGUAGES):
                raise ValueError(f"{file.name}: {name}")
            texts[f"{file.stem}.{name}"] = (str(pair[0]), str(pair[1]))
    return Words(texts)
