"""Which line of an adapter's own code an error came from; its text may hold anything."""

from pathlib import Path
from traceback import extract_tb


def culprit(error: BaseException, home: Path) -> str:
    """Return an error's class, the module or name that is missing, and file and line.

    Args:
        error: What the adapter's code raised, or what importing it did.
        home: The folder of the adapter's package. The line is the last one in it that the
            error passed, or else the last one anywhere but in Python's import system.
    """
    words = type(error).__qualname__
    if isinstance(error, ImportError | AttributeError) and error.name:
        words += f": {error.name}"
    places = [
        (Path(frame.filename), frame.lineno)
        for frame in extract_tb(error.__traceback__)[1:]  # the first is who caught it
        if "importlib" not in frame.filename
    ]
    if isinstance(error, SyntaxError) and error.filename:
        places.append((Path(error.filename), error.lineno))
    own = [place for place in places if place[0].resolve().is_relative_to(home.resolve())]
    if not (own or places):
        return words
    file, line = (own or places)[-1]
    return f"{words} ({file.name}:{line})"
