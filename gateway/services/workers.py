"""Which key speaks for which worker, and for which destinations."""

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.domain.errors import SignatureInvalidError
from gateway.domain.identifiers import DestinationName, WorkerName


@dataclass(frozen=True, slots=True)
class WorkerGrant:
    """A worker the gateway listens to.

    Attributes:
        name: Its configured name.
        destinations: The destinations it may claim and report for.
    """

    name: WorkerName
    destinations: frozenset[DestinationName]


class WorkerRegister:
    """Maps signing keys to workers, and refuses who speaks for somebody else."""

    def __init__(self, grants: Mapping[str, WorkerGrant]) -> None:
        """Keep the grants by key id (RFC 7638 thumbprint)."""
        self._grants = dict(grants)

    def require_key(self, kid: str) -> WorkerGrant:
        """Return the grant behind ``kid``.

        Raises:
            SignatureInvalidError: It is no worker's key.
        """
        grant = self._grants.get(kid)
        if grant is None:
            raise SignatureInvalidError("worker")
        return grant

    def require(
        self, kid: str, *, worker: WorkerName, destination: DestinationName | None = None
    ) -> WorkerGrant:
        """Return the grant behind ``kid``.

        Args:
            kid: The key that signed.
            worker: Who the message says it is from: ``NAME/INSTANCE``.
            destination: What the message is about, if it is about one.

        Raises:
            SignatureInvalidError: The key is another worker's, or not allowed the destination.
        """
        grant = self.require_key(kid)
        if worker.partition("/")[0] != grant.name:
            raise SignatureInvalidError("worker")
        if destination is not None and destination not in grant.destinations:
            raise SignatureInvalidError("destination")
        return grant
