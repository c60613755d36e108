"""Is this entry an application's acceptance? Answered by its bytes alone."""

from typing import Final

from gateway.audit.reading import read
from gateway.domain.entry import StoredEntry

_ACCEPTED: Final = "application.accepted"


def is_acceptance(entry: StoredEntry, application: str) -> bool:
    """Tell whether an entry says that an application was accepted, and stands where it says.

    What stands beside an entry's bytes in the database is not sealed, and proves nothing.

    Args:
        entry: As it is stored.
        application: As it is written in entries: a UUID in lower case.
    """
    try:
        members = read(entry.data)
    except ValueError:
        return False
    said = (members["action"], members.get("application"), members["node"], members["nseq"])
    return said == (_ACCEPTED, application, entry.node, entry.nseq)
