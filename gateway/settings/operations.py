"""What people may do alone, and what needs a second person."""

from typing import Literal

from pydantic import Field

from gateway.settings.section import Section

FourEyesName = Literal[
    "replay.order",
    "replay.resume",
    "parked.confirm",
    "parked.cancel",
    "destination.pause",
    "destination.resume",
    "destination.change",
    "client.revoke",
    "account.change",
    "account.disable",
    "account.enable",
    "audit.shred",
    "audit.accept_restore",
    "retention.run",
]


class OperationsSettings(Section):
    """What needs a second person."""

    four_eyes: tuple[FourEyesName, ...] = Field(
        (),
        description="Operations that another person must approve within 24 hours. replay.order, "
        "parked.confirm and parked.cancel cover deliveries one by one and several at once, too.",
    )
    above: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="What concerns so many deliveries or fewer needs no second person; 0 means "
        "that it always does. Whoever does it one by one is then not held up.",
    )
    accounts_alone: bool = Field(
        False,
        description="Whether an administrator makes, changes and enables accounts and sets their "
        "passwords alone, though something else needs a second person: who does could then be "
        "both. Has no effect without four_eyes.",
    )
