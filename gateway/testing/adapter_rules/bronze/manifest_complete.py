"""The manifest has a title in both languages, and a state for every rule of the tiers it claims."""

from collections.abc import Iterator

from gateway.testing.adapter_rules.adapter import Adapter


def faults(adapter: Adapter) -> Iterator[str]:
    """Yield what the manifest lacks."""
    title = adapter.manifest.title
    if title.ja == title.en or title.ja.isascii():
        yield "its title is not in Japanese"
    if not title.en.isascii():
        yield "its title is not in English"
    if not adapter.manifest.quality.rules:
        yield "it says nothing of the rules"
