"""Check that no released procedure changed; with ``--add``, lock the files that are new."""

import sys
from pathlib import Path
from typing import Final

from gateway.domain.errors import ConfigError
from gateway.schema.lock import verify_lock, write_lock

SCHEMAS: Final = Path(__file__).parent.parent / "schemas"


def main(arguments: list[str]) -> int:
    """Return 0 if every schema is locked and none has changed."""
    try:
        if arguments == ["--add"]:
            for path in write_lock(SCHEMAS):
                print(f"locked {path}")
        breaches = verify_lock(SCHEMAS)
    except ConfigError as error:
        print(error)
        return 1
    for breach in breaches:
        print(f"schemas/{breach.path}: {breach.breach.value}")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
