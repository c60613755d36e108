"""What a destination's deliveries are ordered by, as a keyed hash: nobody can read it."""

import json
from collections.abc import Mapping
from typing import Final

from gateway.crypto.pseudonym import Pseudonyms
from gateway.domain.identifiers import DestinationName
from gateway.formats.pointer import at

EVERYTHING: Final = "*"
"""Configured instead of a pointer: all of a destination's deliveries stand in one order."""


class Ordering:
    """Knows which destinations keep an order, and by what."""

    def __init__(self, order_by: Mapping[DestinationName, str], pseudonyms: Pseudonyms) -> None:
        """Keep each ordered destination's JSON pointer (RFC 6901) or ``EVERYTHING``."""
        self._order_by = dict(order_by)
        self._pseudonyms = pseudonyms

    def key(self, destination: DestinationName, document: Mapping[str, object]) -> bytes | None:
        """Return the 32 bytes that are equal for what must stay in order.

        Returns:
            ``None`` for a destination without order, and for an application that has
            nothing at the pointer: it waits for no other, and no other for it.
        """
        pointer = self._order_by.get(destination)
        if pointer is None:
            return None
        value = EVERYTHING if pointer == EVERYTHING else at(document, pointer)
        if value is None:
            return None
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return self._pseudonyms.order_mac(destination, text)
