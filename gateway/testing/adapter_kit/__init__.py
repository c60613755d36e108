"""The contract kit: what every adapter must do, asked of its real client and a simulated peer.

An adapter's contract test is a class with fixtures and no test::

    class TestContract(AdapterContract):
        adapter = SOAPDestination
        samples = Path(__file__).parent.parent / "samples"

        @pytest.fixture
        async def peer(self, tmp_path: Path) -> AsyncIterator[Peer]:
            ...

Install the package with its extra ``testing``; pytest then knows the kit by itself.
"""

from gateway.testing.adapter_kit.contract import AdapterContract
from gateway.testing.adapter_kit.peer import (
    FOR_EVER,
    Arrived,
    Fault,
    Peer,
    PeerOnALine,
    PeerThatTells,
)

__all__ = [
    "FOR_EVER",
    "AdapterContract",
    "Arrived",
    "Fault",
    "Peer",
    "PeerOnALine",
    "PeerThatTells",
]
