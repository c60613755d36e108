"""Each rule of the quality scale that a machine can tell, broken once."""

import shutil
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, SecretStr

from gateway.drivers.discovery import Manifest
from gateway.sdk import AdapterConfig, AdapterSpec, Idempotency
from gateway.testing.adapter_kit.contract import checks
from gateway.testing.adapter_readme import HEADINGS
from gateway.testing.adapter_rules import TIERS, broken, rules, unexcused
from gateway.testing.adapter_rules.adapter import Adapter

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "adapters" / "http" / "samples"
MANIFEST = """
name = "soap"
version = "1.0.0"
owner = "福祉システム課"
procedures = ["*"]
title = {ja = "福祉", en = "Welfare"}
features = {idempotency = "lookup", max_in_flight = 2, feedback = false, dry_run = true}
quality = {tier = "gold"}
"""

README = "".join(f"## {heading}\n\nsoap.late, kakehashi_workers\n\n" for heading in HEADINGS)


class Config(AdapterConfig):
    """A configuration with a secret."""

    password: SecretStr | None = Field(default=None, description="Of the account.")
    bearer_token_file: str = Field(default="", description="Where the token lies.")


class Open(AdapterConfig):
    """One whose secret everybody sees."""

    client_secret: str = Field(default="", description="Of the account.")


class Undescribed(AdapterConfig):
    """One that says nothing of a field."""

    office: str


@pytest.fixture
def adapter(tmp_path: Path) -> Adapter:
    """Return an adapter that keeps every rule."""
    folder = tmp_path / "soap"
    shutil.copytree(SAMPLES, folder / "samples")
    (folder / "tests").mkdir()
    files = {
        "README.md": README,
        "mapping.py": "import json\nfrom gateway.sdk import Application\n",
        "adapter.py": 'raise TransientError("soap.late")\n',
        "tests/test_contract.py": "class TestContract(AdapterContract):\n    pass\n",
        "tests/test_failures.py": "process.kill()\n",
        "tests/test_against_core.py": "def test_it():\n    SOAPDestination()\n",
        "tests/test_mapping.py": "from hypothesis import given\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    manifest = Manifest.model_validate(tomllib.loads(MANIFEST))
    spec = AdapterSpec(
        name="soap",
        version="1.0.0",
        config=Config,
        idempotency=Idempotency.LOOKUP,
        max_in_flight=2,
    )
    adapter = Adapter(folder, folder / "tests", manifest, spec, "SOAPDestination")
    return claiming(adapter, dict.fromkeys(rules(), "done"))


def claiming(adapter: Adapter, states: dict[str, Any], tier: str = "gold") -> Adapter:
    quality = adapter.manifest.quality.model_copy(update={"rules": states, "tier": tier})
    return replace(adapter, manifest=adapter.manifest.model_copy(update={"quality": quality}))


def saying(**over: Any) -> Callable[[Adapter], Adapter]:
    return lambda adapter: replace(adapter, manifest=adapter.manifest.model_copy(update=over))


def featuring(**over: Any) -> Callable[[Adapter], Adapter]:
    def change(adapter: Adapter) -> Adapter:
        return saying(features=adapter.manifest.features.model_copy(update=over))(adapter)

    return change


def configured(config: type[AdapterConfig]) -> Callable[[Adapter], Adapter]:
    return lambda adapter: replace(adapter, spec=replace(adapter.spec, config=config))


def writing(name: str, text: str) -> Callable[[Adapter], Adapter]:
    def change(adapter: Adapter) -> Adapter:
        (adapter.folder / name).write_text(text, "utf-8")
        return adapter

    return change


def without(name: str) -> Callable[[Adapter], Adapter]:
    def change(adapter: Adapter) -> Adapter:
        (adapter.folder / name).unlink()
        return adapter

    return change


def waiving(check: str) -> Callable[[Adapter], Adapter]:
    return saying(waivers={check: "not yet"})


def untitled(adapter: Adapter) -> Adapter:
    title = adapter.manifest.title.model_copy(update={"ja": "Welfare"})
    return saying(title=title)(adapter)


BROKEN = [
    ("manifest-complete", untitled),
    ("owner", saying(owner="TODO")),
    ("config-described", configured(Undescribed)),
    ("secrets-marked", configured(Open)),
    ("mapping-pure", writing("mapping.py", "import asyncio\n")),
    ("mapping-pure", writing("mapping.py", "from adapters.soap.client import SOAPClient\n")),
    ("mapping-pure", writing("mapping.py", "async def map(): ...\n")),
    ("mapping-pure", without("mapping.py")),
    ("samples-per-procedure", without("samples/care-certification-claim.message.json")),
    ("samples-per-procedure", without("samples/care-certification-claim.native.json")),
    ("contract-suite", without("tests/test_contract.py")),
    ("readme-headings", writing("README.md", "## Set up\n\nsoap.late, kakehashi_workers\n")),
    ("outcome-codes-listed", writing("client.py", 'raise RejectedError("soap.refused")\n')),
    ("check", waiving("check_changes_nothing")),
    ("contract-against-real", without("tests/test_against_core.py")),
    ("contract-against-real", writing("tests/test_against_core.py", "SOAPDestination\n")),
    ("contract-against-real", writing("tests/test_against_core.py", "def test_it(): ...\n")),
    ("failures", waiving("silence_is_unknown")),
    ("concurrency-declared", featuring(max_in_flight=9)),
    ("concurrency-declared", waiving("order_is_kept")),
    ("metrics-documented", writing("README.md", README.replace("kakehashi_workers", ""))),
    ("metrics-documented", writing("README.md", README + "kakehashi_core_system_health\n")),
    (
        "metrics-documented",
        writing("README.md", README.replace("kakehashi_workers", "kakehashi_log_entries")),
    ),
    ("fault-injection", writing("tests/test_failures.py", "")),
    ("diagnostics-redacted", waiving("secrets_stay_secret")),
    ("reconciliation", waiving("lookup_finds_what_arrived")),
    ("reconciliation", featuring(idempotency=Idempotency.NONE)),
    ("property-tests-of-mapping", without("tests/test_mapping.py")),
]


def test_an_adapter_that_keeps_every_rule_has_no_faults(adapter: Adapter) -> None:
    assert list(broken(adapter)) == []


@pytest.mark.parametrize(("rule", "change"), BROKEN)
def test_a_rule_that_is_broken_is_named(
    adapter: Adapter, rule: str, change: Callable[[Adapter], Adapter]
) -> None:
    assert {name for name, _ in broken(change(adapter))} == {rule}


def test_every_rule_that_a_machine_can_tell_is_broken_here() -> None:
    assert {name for name, _ in BROKEN} == {
        name for name, rule in rules().items() if rule.is_seen_by_a_machine
    }


def test_a_rule_that_is_to_do_or_exempt_is_not_looked_at(adapter: Adapter) -> None:
    exempt = {"status": "exempt", "why": "it maps nothing"}
    states = {**dict.fromkeys(rules(), "done"), "mapping-pure": exempt}

    assert list(broken(claiming(without("mapping.py")(adapter), states))) == []


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_is_claimed_with_all_rules_up_to_it(adapter: Adapter, tier: str) -> None:
    below = TIERS[: TIERS.index(tier) + 1]
    states = {name: "done" for name, rule in rules().items() if rule.tier in below}
    missing = {name: state for name, state in states.items() if name != next(reversed(states))}

    assert list(broken(claiming(adapter, states, tier))) == []
    assert [name for name, _ in broken(claiming(adapter, missing, tier))] == [[*states][-1]]


def test_a_state_for_a_rule_that_nobody_made_is_a_fault(adapter: Adapter) -> None:
    states = {**dict.fromkeys(rules(), "done"), "no-such-rule": "done"}

    assert list(broken(claiming(adapter, states))) == [("no-such-rule", "no rule has this name")]


def test_a_rule_rests_on_checks_that_there_are() -> None:
    assert {check for rule in rules().values() for check in rule.checks} <= set(checks())


def test_a_check_that_does_not_apply_needs_a_reason_if_a_rule_that_is_done_rests_on_it(
    adapter: Adapter,
) -> None:
    quality = adapter.manifest.quality
    why = {"deadline_is_kept": "nothing answers late"}
    todo = quality.model_copy(update={"rules": {"failures": "todo"}})

    assert unexcused("deadline_is_kept", quality) == ("failures",)
    assert unexcused("deadline_is_kept", todo) == ()
    assert unexcused("deadline_is_kept", quality.model_copy(update={"not_applicable": why})) == ()
    assert unexcused("batch_answers_for_each_item", quality) == ()
