"""``check`` tells the truth and changes nothing, as the contract kit sees it."""

from typing import Final

CHECKS: Final = (
    "check_changes_nothing",
    "check_tells_bad_credentials",
    "check_tells_unreachable",
)
