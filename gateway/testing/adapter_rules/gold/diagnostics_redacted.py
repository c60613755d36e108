"""Nothing that it shows, whatever happens, holds a secret or anything of an application."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield each check of the kit that is waived."""
    yield from adapter.waived("secrets_stay_secret", "errors_carry_no_payload")
