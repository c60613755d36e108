"""What an adapter's contract test is made of."""

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

import pytest

from gateway.drivers.discovery import Manifest, manifest_in
from gateway.sdk import ConfigError, Destination
from gateway.testing.adapter_kit.bench import Bench, fail
from gateway.testing.adapter_kit.checks.arrivals import ArrivalChecks
from gateway.testing.adapter_kit.checks.configuration import ConfigurationChecks
from gateway.testing.adapter_kit.checks.features import FeatureChecks
from gateway.testing.adapter_kit.checks.feedback import FeedbackChecks
from gateway.testing.adapter_kit.checks.health import HealthChecks
from gateway.testing.adapter_kit.checks.lifecycle import LifecycleChecks
from gateway.testing.adapter_kit.checks.outcomes import OutcomeChecks
from gateway.testing.adapter_kit.checks.privacy import PrivacyChecks
from gateway.testing.adapter_kit.checks.quality import QualityChecks
from gateway.testing.adapter_kit.checks.resend import ResendChecks
from gateway.testing.adapter_kit.checks.text import TextChecks
from gateway.testing.adapter_kit.checks.together import TogetherChecks
from gateway.testing.adapter_kit.peer import Fault, Peer
from gateway.testing.adapter_kit.samples import samples_in
from gateway.testing.adapter_kit.watchdog import watchdog
from gateway.testing.adapter_plugin import SAY

FIRST_CHECK: Final = "valid_sample_gets_a_reference"
"""It is asked first: where nothing arrives, no other check says anything of use."""

_TEST: Final = "test_"


class AdapterContract(
    ConfigurationChecks,
    LifecycleChecks,
    HealthChecks,
    OutcomeChecks,
    ResendChecks,
    TogetherChecks,
    ArrivalChecks,
    TextChecks,
    PrivacyChecks,
    FeedbackChecks,
    FeatureChecks,
    QualityChecks,
):
    """Subclass it, name the adapter and its samples, and give the fixture ``peer``.

    Attributes:
        adapter: The class under test, with its real client.
        samples: Folder of ``NAME.message.json`` (a request body), ``NAME.native.*`` (byte for
            byte what arrives) and, if the sample needs it, ``NAME.config.json`` (laid under
            ``Peer.config()``, whose keys win).
        text_pointer: JSON pointer to a free text of the first sample that reaches the core
            system as it is.
        deadline_s: Seconds that a send may take where a check waits for its end.
        stuck_s: Seconds after which a blocked event loop ends the run.
    """

    adapter: ClassVar[type[Destination]]
    samples: ClassVar[Path]
    text_pointer: ClassVar[str] = "/applicant/person/name/family"
    deadline_s: ClassVar[float] = 1.0
    stuck_s: ClassVar[float] = 10.0

    is_kakehashi_contract: ClassVar[bool] = True
    """By this the pytest plugin knows it, without importing the kit."""

    first_check: ClassVar[str] = FIRST_CHECK

    @pytest.fixture
    def peer(self) -> Peer:
        """Give a controllable core system; a subclass does, and ends it afterwards."""
        fail("The contract test gives no fixture called peer.")

    @pytest.fixture
    async def bench(
        self, peer: Peer, tmp_path: Path, request: pytest.FixtureRequest
    ) -> AsyncIterator[Bench]:
        """Give one check all that it needs."""
        bench = self.bench_with(peer, tmp_path / "own")
        say: Callable[[str], None] = request.config.stash[SAY]
        code = Path(inspect.getfile(self.adapter)).parent
        with bench.watch.watching(), watchdog(code, stuck_s=self.stuck_s, say=say):
            yield bench

    @classmethod
    def bench_with(cls, peer: Peer, folder: Path) -> Bench:
        """Return a bench for one check; ``folder`` becomes the adapter's own."""
        home = cls.home()
        manifest = _manifest(home)
        _ask_what_is_absent(peer)
        folder.mkdir()
        samples = samples_in(cls.samples)
        if not samples:
            fail("There is no NAME.message.json in the folder of samples.")
        return Bench(
            adapter=cls.adapter,
            manifest=manifest,
            checks=frozenset(checks()),
            samples=samples,
            peer=peer,
            folder=folder,
            home=home,
            text_pointer=cls.text_pointer,
            deadline_s=cls.deadline_s,
        )

    @classmethod
    def home(cls) -> Path:
        """Return the folder of the adapter's package, where its manifest lies."""
        return Path(inspect.getfile(cls.adapter)).parent


def _manifest(home: Path) -> Manifest:
    try:
        return manifest_in(home)
    except ConfigError as error:
        wrong = str(error)
    return fail(wrong)  # not above: pytest shows the exception that another one came of


def _ask_what_is_absent(peer: Peer) -> None:
    absent = getattr(peer, "absent", None)
    if not isinstance(absent, Mapping):
        fail('The peer does not say what it cannot do: absent = {Fault.CUT: "it has no line"}.')
    for fault, reason in absent.items():
        if fault is Fault.NONE or fault not in set(Fault):
            fail(f"The peer's absent names {fault}, which is no fault.")
        if not isinstance(reason, str) or not reason.strip():
            fail(f"The peer's absent gives no reason for {fault}.")


def checks() -> Mapping[str, str]:
    """Return the names of all checks, in the order of their files, with their docstrings."""
    found = {
        name.removeprefix(_TEST): inspect.getdoc(method) or ""
        for mixin in AdapterContract.__bases__
        for name, method in vars(mixin).items()
        if name.startswith(_TEST)
    }
    return MappingProxyType(found)
