"""Run pytest on those of the given paths that exist; finding no test is a failure."""

import sys
from pathlib import Path

import pytest


def main(arguments: list[str]) -> int:
    """Return pytest's exit code; options pass through, missing folders are left out."""
    given = [argument for argument in arguments if not argument.startswith(("tests", "adapters"))]
    paths = [argument for argument in arguments if argument not in given]
    return pytest.main([*given, *(path for path in paths if Path(path).exists())])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
