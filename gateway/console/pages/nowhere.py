"""Addresses at which the console has nothing: a page says so, and leads on."""

from typing import Final, NoReturn

from gateway.console.page import Page
from gateway.services.operate.refusals import NotFoundError


async def show(_page: Page) -> NoReturn:
    """Say that nothing is there; what was asked for is not repeated."""
    raise NotFoundError("no page has this address")


ROUTES: Final = (("GET", r"/{anything:(?!(?:ops|static|live)/).*}", show),)
"""Whatever has no route of its own; programs are told in their own way."""
