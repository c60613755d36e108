"""What an adapter's contract test is made of."""

from pathlib import Path
from typing import ClassVar

import pytest

from gateway.sdk import Destination
from gateway.testing.adapter_kit.peer import Peer


class AdapterContract:
    """Subclass it, name the adapter and its samples, and give the fixture ``peer``.

    Attributes:
        adapter: The class under test, with its real client.
        samples: Folder of ``NAME.message.json`` (a request body), ``NAME.native.*`` (byte for
            byte what arrives) and, if the sample needs it, ``NAME.config.json`` (laid over
            ``Peer.config()``).
        text_pointer: JSON pointer to a free text of every sample that reaches the core system
            as it is.
        deadline_s: Seconds that a send may take where a check waits for its end.
    """

    adapter: ClassVar[type[Destination]]
    samples: ClassVar[Path]
    text_pointer: ClassVar[str] = "/applicant/person/name/family"
    deadline_s: ClassVar[float] = 1.0

    @pytest.fixture
    def peer(self) -> Peer:
        """Give a controllable core system; a subclass does, and ends it afterwards."""
        pytest.fail("The contract test gives no fixture called peer.", pytrace=False)
