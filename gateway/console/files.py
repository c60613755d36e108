"""The console's own files: under which address browsers find them, and how long they keep them.

A page names each file with what it is made of (``console.css?v=…``), so that browsers keep it for
good and ask for it again only once it is another. Templates are read anew when they have changed,
too; words are read once, when the process begins.
"""

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Final

from aiohttp import web

STATIC: Final = Path(__file__).parent / "static"
ROUTE: Final = "/static/{name:[A-Za-z0-9./-]+}"
_VERSION: Final = "v"
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
"""A year, the longest that means anything; not even asked for by a reload (RFC 8246)."""
_MOST: Final = 64


def address_of(name: str) -> str:
    """Return the address of a file of ours, which is another when the file is.

    Raises:
        FileNotFoundError: There is no such file: a mistake of ours.
    """
    return f"/static/{name}?{_VERSION}={_version_of(STATIC / name)}"


async def serve(request: web.Request) -> web.StreamResponse:
    """Hand out a file, and nothing beside its folder."""
    file = (STATIC / request.match_info["name"]).resolve()
    try:
        is_ours = file.is_relative_to(STATIC) and file.is_file()
    except OSError:  # a name that is too long
        is_ours = False
    if not is_ours:
        raise web.HTTPNotFound
    is_this = request.query.get(_VERSION) == _version_of(file)
    return web.FileResponse(file, headers={"Cache-Control": _FOR_GOOD if is_this else "no-cache"})


def _version_of(file: Path) -> str:
    found = file.stat()
    return _digest(file, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=_MOST)
def _digest(file: Path, _changed_ns: int, _size: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]
