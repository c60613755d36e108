"""Put together what looks after what waits, and what waits for a second person."""

from gateway.crypto.at_rest import WordsAtRest
from gateway.drivers.system_clock import new_id
from gateway.ports.clock import Clock
from gateway.ports.journal import Journal
from gateway.services.operate.attention import Attend
from gateway.services.operate.by_name import AttentionOperations
from gateway.services.operate.decide import Decide
from gateway.services.operate.decide_each import DecideEach
from gateway.services.operate.four_eyes import FourEyes
from gateway.services.operate.four_eyes_rule import FourEyesRule
from gateway.services.spans import Spans
from gateway.settings.model import Settings


def attention_operations(
    settings: Settings,
    journal: Journal,
    *,
    clock: Clock,
    at_rest: WordsAtRest,
    spans: Spans | None = None,
) -> AttentionOperations:
    """Return the operations of the people who look after what waits."""
    configured = settings.operations
    rule = FourEyesRule(
        frozenset(configured.four_eyes),
        configured.above,
        identities=not configured.accounts_alone,
    )
    return AttentionOperations(
        attend=Attend(journal=journal, clock=clock, new_id=new_id, at_rest=at_rest),
        each=DecideEach(Decide(journal=journal, clock=clock, spans=spans)),
        four_eyes=FourEyes(rule=rule, journal=journal, clock=clock, new_id=new_id, at_rest=at_rest),
    )
