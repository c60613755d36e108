"""Run pytest on those of the given paths that exist; finding no test is a failure."""

import os
import random
import sys
from pathlib import Path

import pytest


def main(arguments: list[str]) -> int:
    """Return pytest's exit code; options pass through, missing folders are left out."""
    given = [argument for argument in arguments if not argument.startswith(("tests", "adapters"))]
    # Workers of one run must agree on the order of sets, or they collect different tests.
    seed = os.environ.setdefault("PYTHONHASHSEED", str(random.randrange(2**32)))  # noqa: S311 - no secret
    print(f"PYTHONHASHSEED={seed}", flush=True)
    paths = [argument for argument in arguments if argument not in given]
    return pytest.main([*given, *(path for path in paths if Path(path).exists())])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
