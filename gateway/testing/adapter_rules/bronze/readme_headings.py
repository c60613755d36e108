"""The README has the fixed headings, in their order."""

import re
from collections.abc import Iterator

from gateway.testing.adapter_readme import HEADINGS
from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each heading that is missing, and whether they are in another order."""
    found = re.findall(r"^## (.+)$", adapter.readme, re.MULTILINE)
    missing = [heading for heading in HEADINGS if heading not in found]
    for heading in missing:
        yield f"its README has no heading {heading!r}"
    if not missing and [each for each in found if each in HEADINGS] != list(HEADINGS):
        yield "its README's headings are in another order"
