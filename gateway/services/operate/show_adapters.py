"""Which adapters this gateway's process can see, and which destinations use one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.domain.identifiers import DestinationName
from gateway.services.destinations import Destinations
from gateway.services.operate.refusals import NotFoundError


class ShowAdapters:
    """Shows what manifests say; imports no adapter."""

    def __init__(
        self,
        *,
        installed: Callable[[], Sequence[Mapping[str, Any]]],
        readme: Callable[[str], str | None],
        used: Mapping[DestinationName, str],
        destinations: Destinations,
    ) -> None:
        """Keep what it works with.

        Args:
            installed: Returns the manifests that are found here, each with ``shipped``: whether
                it came with the gateway.
            readme: Returns an adapter's README, if there is one.
            used: The adapter of each configured destination.
            destinations: They, for what their workers run.
        """
        self._installed = installed
        self._readme = readme
        self._used = used
        self._destinations = destinations

    async def all(self) -> list[dict[str, object]]:
        """Return the adapters that are installed here or that a destination uses, by name.

        Returns:
            Of each ``name``; ``manifest`` (``None`` if it is not installed where the gateway
            runs: its workers may have it all the same); ``destinations`` that use it; ``running``
            (``name version`` that their living workers tell).
        """
        await self._destinations.refresh()
        manifests = {str(manifest["name"]): manifest for manifest in self._installed()}
        return [
            self._adapter(name, manifests.get(name))
            for name in sorted(manifests.keys() | set(self._used.values()))
        ]

    async def one(self, name: str) -> dict[str, object]:
        """Return one of them, with its ``readme`` (Markdown, or ``None``).

        Raises:
            NotFoundError: None is installed under this name, and no destination uses it.
        """
        for adapter in await self.all():
            if adapter["name"] == name:
                readme = None if adapter["manifest"] is None else self._readme(name)
                return {**adapter, "readme": readme}
        raise NotFoundError(f"no adapter of this name: {name}")

    def _adapter(self, name: str, manifest: Mapping[str, Any] | None) -> dict[str, object]:
        users = sorted(user for user, used in self._used.items() if used == name)
        beats = (beat for user in users for beat in self._destinations.alive(user))
        return {
            "name": name,
            "manifest": manifest,
            "destinations": users,
            "running": sorted({beat.adapter for beat in beats}),
        }
