"""What a form says: small, in time, and of the one kind that our own pages send.

aiohttp's ``Request.post`` takes more than that: files, which it stores uncompressed, however
large they become, before anybody is asked who sends them.
"""

import asyncio
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict, MultiMapping

MAX_BYTES: Final = 128 * 1024
"""500 chosen deliveries, each with its id of 36 characters, are 25 KB."""
WITHIN_S: Final = 10.0
"""For the whole form, however it trickles in."""
_MOST_FIELDS: Final = 2000
_KIND: Final = "application/x-www-form-urlencoded"


async def posted(request: web.Request, *, within_s: float = WITHIN_S) -> MultiMapping[str]:
    """Return the fields of a posted form; none for an empty body.

    Args:
        request: As it came.
        within_s: How long it may take to come.

    Raises:
        web.HTTPException: It is too large (413), of another kind (415), too slow (408), cut
            off, or no form (400).
    """
    if not request.can_read_body:
        return MultiDict()
    if request.content_type != _KIND:
        raise web.HTTPUnsupportedMediaType
    length = request.content_length
    if length is not None and length > MAX_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BYTES, length)
    try:
        async with asyncio.timeout(within_s):
            body = await _read(request)
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (web.RequestPayloadError, ConnectionError):
        raise web.HTTPBadRequest from None
    try:
        fields = parse_qsl(
            body.decode("utf-8"),
            keep_blank_values=True,
            errors="replace",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        # Our pages are UTF-8, and so is what browsers send from them (WHATWG HTML, 4.10.22).
        raise web.HTTPBadRequest from None
    return MultiDict(fields)


async def _read(request: web.Request) -> bytes:
    taken = bytearray()
    async for chunk in request.content.iter_any():
        taken += chunk
        if len(taken) > MAX_BYTES:
            raise web.HTTPRequestEntityTooLarge(MAX_BYTES, len(taken))
    return bytes(taken)
