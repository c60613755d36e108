"""The embedded default: everything under one folder, nothing to configure."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.bootstrap.key_names import (
    GATEWAY_KEY,
    PSEUDONYM_KEY,
    destination_key,
    log_key,
    log_key_numbers,
    worker_key,
)
from gateway.domain.errors import KeyNotFoundError
from gateway.ports.keys import KeyStore
from gateway.settings.model import Settings

EMBEDDED_MUNICIPALITY: Final = "131016"
EMBEDDED_WORKER: Final = "embedded"
EMBEDDED_DESTINATION: Final = "delivered"
EMBEDDED_CLIENT: Final = "local"


def embedded_document(home: Path) -> dict[str, object]:
    """Return the configuration that ``up`` uses when there is none.

    Everything under ``home``; one municipality, every shipped procedure, one
    destination that writes a JSON file per application into ``home/delivered``.
    """
    return {
        "home": str(home),
        "journal": {"url": f"sqlite:///{home / 'journal.db'}"},
        "keys": {"folder": str(home / "keys")},
        "municipalities": {EMBEDDED_MUNICIPALITY: {"name": "千代田区"}},
        "clients": {
            EMBEDDED_CLIENT: {"municipalities": [EMBEDDED_MUNICIPALITY], "procedures": ["*"]}
        },
        "destinations": {
            EMBEDDED_DESTINATION: {
                "municipality": EMBEDDED_MUNICIPALITY,
                "adapter": "file",
                "config": {"folder": str(home / "delivered")},
                "idempotency": "lookup",
            }
        },
        # Whoever tries it is alone.
        "console": {"operator_may_audit": True},
        "routes": [
            {
                "municipality": EMBEDDED_MUNICIPALITY,
                "procedure": "*",
                "to": [EMBEDDED_DESTINATION],
            }
        ],
        "workers": {EMBEDDED_WORKER: {"destinations": [EMBEDDED_DESTINATION]}},
    }


def make_missing_keys(settings: Settings, store: KeyStore) -> tuple[str, ...]:
    """Make every key that the configuration needs and the store lacks; only ``up`` does so.

    Returns:
        The names of what was made.
    """
    # Commands ask a running gateway with the document above alone: cryptography takes a while.
    from gateway.crypto import keys  # noqa: PLC0415

    wanted: dict[str, Callable[[], bytes]] = {
        GATEWAY_KEY: keys.new_signing_key,
        PSEUDONYM_KEY: keys.new_secret,
        **{destination_key(name): keys.new_encryption_key for name in settings.destinations},
        **{worker_key(name): keys.new_signing_key for name in settings.workers},
    }
    if not log_key_numbers(store.names()):
        wanted[log_key(1)] = keys.new_signing_key
    made = []
    for name, make in wanted.items():
        try:
            store.private(name)
        except KeyNotFoundError:
            store.add(name, make(), private=True)
            made.append(name)
    return tuple(made)
