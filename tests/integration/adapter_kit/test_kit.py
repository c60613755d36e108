import asyncio

import pytest

from gateway.testing.adapter_kit.contract import checks
from tests.integration.adapter_kit.broken import BROKEN
from tests.integration.adapter_kit.line.adapter import LineDestination
from tests.integration.adapter_kit.run import contract_of, failures

CASES = [(check, adapter) for check, adapters in BROKEN.items() for adapter in adapters]


async def test_a_good_adapter_passes_every_check() -> None:
    assert await failures(contract_of(LineDestination)) == {}


@pytest.mark.parametrize(
    ("check", "adapter"), CASES, ids=[f"{check}-{each.__name__}" for check, each in CASES]
)
async def test_a_broken_adapter_is_caught_by_the_one_check_for_it(
    check: str, adapter: type[LineDestination]
) -> None:
    found = await failures(contract_of(adapter))

    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()  # what it leaves open is what is wrong with it
    assert list(found) == [check], found


def test_every_check_has_an_adapter_that_it_catches() -> None:
    assert set(checks()) - {check for check, adapters in BROKEN.items() if adapters} == {
        "waivers_name_checks",
        "quality_is_as_claimed",
    }
