"""Every event that gateway, workers and our adapters log: ``docs/reference/log-events.md``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One event.

    Attributes:
        levels: How severe it is; the first is the usual one.
        fields: What it says, beside ``destination`` in a worker; some may be missing.
        meaning: What happened.
    """

    levels: tuple[str, ...]
    fields: tuple[str, ...]
    meaning: str


def _event(levels: str, fields: str, meaning: str) -> LogEvent:
    return LogEvent(tuple(levels.split()), tuple(fields.split()), meaning)


EVENTS: Final[Mapping[str, LogEvent]] = {
    "adapter.failed": _event(
        "warning error", "error", "an adapter raised what it must not raise, or could not be closed"
    ),
    "adapter.refused": _event("warning", "adapter reason", "an installed adapter cannot be used"),
    "application.accepted": _event(
        "info",
        "application_id body_bytes client commit_ms deliveries municipality procedure trace_id",
        "an application was committed: from here on it is not lost",
    ),
    "application.refused": _event(
        "info",
        "body_bytes client code errors status trace_id",
        "an authenticated client's application was refused",
    ),
    "attention.not_kept": _event(
        "warning", "code", "groups of what waits could not be brought up to date; tried again"
    ),
    "backlog.drained": _event("warning", "most unfinished", "applications are taken again"),
    "backlog.full": _event(
        "warning", "most unfinished", "too much is unfinished: applications get 503"
    ),
    "breaker.closed": _event("info", "code destination", "the core system takes deliveries again"),
    "breaker.half_opened": _event(
        "info", "code destination", "the core system answers: one delivery is tried"
    ),
    "breaker.opened": _event(
        "warning", "code destination", "the core system is down: nothing is sent to it"
    ),
    "broker.ack_lost": _event(
        "info", "reason", "an acknowledgement got lost with its connection; the message comes again"
    ),
    "broker.connect_failed": _event(
        "warning", "purpose reason", "the broker cannot be reached; tried again"
    ),
    "broker.connected_again": _event("info", "purpose", "the broker is back"),
    "broker.connection_lost": _event("warning", "purpose", "the connection to the broker broke"),
    "broker.consumer_back": _event("info", "queue", "messages of a queue are taken again"),
    "broker.consumer_lost": _event(
        "warning", "queue reason", "messages of a queue are not taken; tried again"
    ),
    "broker.message_properties_dropped": _event(
        "warning", "header_bytes", "a message's headers were too long and are left out"
    ),
    "broker.not_reached": _event(
        "warning", "code", "the broker cannot be reached at start; tried again"
    ),
    "broker.queue_replaced": _event(
        "warning", "queue", "a queue with other arguments was taken down and declared again"
    ),
    "broker.reply_lost": _event(
        "warning", "reason", "an answer got lost with its connection; it is asked again"
    ),
    "broker.reply_refused": _event("warning", "", "an answer belonged to no question"),
    "calendar.ends": _event("warning", "known_until", "the list of holidays is soon at its end"),
    "claim.delivery_unknown": _event(
        "warning", "delivery_id", "a worker asked for a delivery that this journal does not know"
    ),
    "claim.destination_unknown": _event(
        "warning", "destination", "a worker asked for a destination that is not configured"
    ),
    "claim.not_committed": _event(
        "warning", "code", "a claim could not be written down; the worker asks again"
    ),
    "claim.not_storable": _event("warning", "destination", "a claim holds what cannot be stored"),
    "claim.refused": _event("warning", "code", "a claim was not believed"),
    "claims.answered_again": _event("info", "", "the gateway answers claims again"),
    "claims.unanswered": _event(
        "warning", "code", "the gateway does not answer claims; nothing is opened"
    ),
    "client_keys.not_reloaded": _event(
        "warning", "code", "the keys of clients could not be read again; those known hold"
    ),
    "clock.differs_from_database": _event(
        "warning", "off_s", "this machine's clock and the database's differ"
    ),
    "clock.jumped": _event("warning", "moved_ms synchronised", "this machine's clock was set"),
    "clock.not_recorded": _event(
        "warning", "code", "how the clock stands could not be written down"
    ),
    "clock.set_back": _event("warning", "by_s remedy", "this machine's clock was set back"),
    "config.listed": _event("debug", "config", "the effective configuration"),
    "config.loaded": _event(
        "info", "sha256 version", "which configuration a process has: the first line"
    ),
    "console.export_broken_off": _event("warning", "code", "an export could not be finished"),
    "console.failed": _event(
        "error", "error failure_id place route", "a page could not be shown for a fault of ours"
    ),
    "console.not_answered": _event("warning", "code route", "a page could not be answered"),
    "control.not_understood": _event(
        "warning", "destination setting", "a setting made by hand is not known to this version"
    ),
    "copy.dropped": _event(
        "info",
        "application_id attempt declined delivery_id destination trace_id verdict",
        "a worker was told to forget a copy, or to leave it",
    ),
    "copy.published": _event(
        "info",
        "age_ms application_id attempt delivery_id destination publish_ms sealed_bytes trace_id",
        "the broker has a copy (relay)",
    ),
    "copy.refused": _event("error", "code destination", "a copy was not ours, or altered"),
    "dead_letter.delivery_unknown": _event(
        "warning", "code", "a copy that the broker gave up is of no delivery known here"
    ),
    "dead_letter.not_committed": _event(
        "warning", "code", "a copy that the broker gave up could not be written down; tried again"
    ),
    "dead_letter.refused": _event(
        "warning", "code destination", "a copy that the broker gave up was not believed"
    ),
    "delivery.abandoned": _event(
        "warning",
        "application_id delivery_id destination worker",
        "a claim came to nothing: the delivery is in doubt",
    ),
    "delivery.attempted": _event(
        "info",
        "age_ms application_id attempt code delivery_id destination "
        "in_hand_ms outcome sealed_bytes send_ms trace_id",
        "what an attempt came to (worker)",
    ),
    "delivery.crash_looped": _event(
        "error",
        "application_id attempt delivery_id destination state",
        "a copy made its workers die again and again: the delivery waits for a person",
    ),
    "delivery.republished": _event(
        "warning",
        "application_id delivery_id destination",
        "a copy was missing on the broker; another was published",
    ),
    "denials.not_recorded": _event(
        "warning", "code", "how many requests were denied could not be written down; tried again"
    ),
    "destination.down": _event("warning", "destination", "the core system's check fails"),
    "destination.not_available": _event(
        "warning", "destination detail", "the adapter could not be opened; tried again"
    ),
    "destination.opened": _event("info", "destination", "the adapter is open"),
    "destination.recovered": _event(
        "warning", "destination", "the core system's check succeeds again"
    ),
    "destination.stopped": _event(
        "error",
        "destination reason",
        "an adapter cannot work as configured: its destination stands still",
    ),
    "destinations.not_read": _event(
        "debug", "code", "changes by other gateways could not be read; tried again"
    ),
    "feedback.delivery_unknown": _event("warning", "code", "a status is of no delivery known here"),
    "feedback.failed": _event(
        "warning", "destination error", "statuses cannot be read from the core system; tried again"
    ),
    "feedback.recorded": _event(
        "info",
        "age_ms application_id code delivery_id destination status trace_id",
        "a status was written down",
    ),
    "feedback.unusable": _event(
        "error", "destination", "a status broke the contract with adapters and was dropped"
    ),
    "file.clock_jumped": _event("warning", "", "the clock moved while a batch was open"),
    "file.empty_batch_failed": _event(
        "warning", "reason", "a batch without applications could not be written"
    ),
    "file.empty_batch_written": _event("info", "file", "a batch without applications was written"),
    "file.keys_forgotten": _event(
        "info", "files", "what is older than keys are remembered was removed"
    ),
    "file.result_refused": _event(
        "warning", "lines", "a file of results has lines that cannot be read"
    ),
    "file.results_readable": _event("info", "", "the folder of results can be read again"),
    "file.results_unreadable": _event("warning", "errno", "the folder of results cannot be read"),
    "gateway.stop_cut_short": _event("warning", "", "something hung while the process stopped"),
    "gateway.stopped_at_start": _event("info", "", "the process was stopped before it ran"),
    "flow.not_shared": _event(
        "warning",
        "code",
        "what flowed cannot be told to other gateways; it is once the journal is back",
    ),
    "heartbeat.not_answered": _event(
        "debug", "code", "no gateway answered a heartbeat; the last terms hold"
    ),
    "heartbeat.refused": _event(
        "warning", "code", "a heartbeat was not believed or could not be written down"
    ),
    "http.answered": _event(
        "info debug",
        "application_id body_bytes client code duration_ms method route status trace_id",
        "a request was answered",
    ),
    "http.certificates_renewed": _event("info", "", "renewed certificates are in use"),
    "http.certificates_unusable": _event(
        "warning", "", "renewed certificates cannot be used; the old ones are"
    ),
    "http.cursor_unreadable": _event(
        "warning", "", "the place up to which results were read is lost"
    ),
    "http.failed": _event("error", "error route trace_id", "a request failed by our own fault"),
    "http.results_cut_short": _event("warning", "pages", "results were not read to their end"),
    "http.results_in_a_circle": _event("warning", "", "pages of results lead to one another"),
    "http.results_position_lost": _event(
        "warning",
        "status",
        "the core system no longer knows the place up to which results were read",
    ),
    "http.results_throttled": _event("info", "wait_s", "the core system wants to be asked later"),
    "http.results_unusable": _event("warning", "count faults places", "results cannot be read"),
    "http.token_fetched": _event("info", "lifetime_s", "a new token was fetched"),
    "journal.chain_taken": _event("error", "nseq", "another process writes under this node's name"),
    "journal.checkpoint_failed": _event(
        "warning", "reason", "the journal's WAL could not be written back"
    ),
    "journal.lost": _event("error", "code reason", "the journal cannot be written"),
    "journal.migrating": _event("info", "versions", "the journal gets a newer schema"),
    "journal.migration_put_off": _event(
        "info", "version", "a newer schema waits until others leave its tables to it for a moment"
    ),
    "journal.not_measured": _event("debug", "code", "how large the journal is could not be noted"),
    "journal.reconnect_failed": _event(
        "warning", "code", "the journal's database cannot be reached; tried again"
    ),
    "journal.recovered": _event("info", "", "the journal can be written again"),
    "journal.wal_kept": _event(
        "warning", "statement", "what was shredded may still stand in the database's WAL"
    ),
    "lane.held_up": _event(
        "warning", "code destination", "nothing can be published for a destination"
    ),
    "lane.recovered": _event("info", "code destination", "publishing goes on"),
    "library.warned": _event(
        "warning error",
        "error library message place",
        "a library warned; its words without what was filled in",
    ),
    "log.chain_broken": _event(
        "error", "node nseq", "an entry is missing in, or does not fit, a node's chain"
    ),
    "log.checkpoint_not_kept": _event(
        "warning", "reason", "the last checkpoint does not stand in home"
    ),
    "log.not_examined": _event("warning", "code", "the audit log could not be examined"),
    "log.not_sealed": _event(
        "error", "code size subject waited_s", "entries stay without an index"
    ),
    "log.sealed_again": _event("info", "lasted_s size", "entries get their index again"),
    "log.signing_waits": _event("info", "key", "another process signs the log"),
    "operation.not_done": _event("info", "code", "an operator asked for what could not be done"),
    "outcome.delivery_unknown": _event(
        "warning", "code", "an outcome is of no delivery known here"
    ),
    "outcome.not_committed": _event(
        "warning", "code", "an outcome could not be written down; tried again"
    ),
    "outcome.not_confirmed": _event(
        "warning", "code", "the broker did not confirm a report; tried again"
    ),
    "outcome.recorded": _event(
        "info",
        "age_ms application_id attempt code defect delivery_id destination "
        "outcome send_ms state trace_id worker",
        "what an attempt came to was written down (gateway)",
    ),
    "outcome.refused": _event("warning", "code", "a report was not believed"),
    "queue.declared": _event("info", "queue", "a queue that was missing was declared"),
    "queue.not_declared": _event(
        "warning", "code queue", "a queue that is missing cannot be declared"
    ),
    "reconciliation.put_off": _event(
        "warning", "code", "lost copies could not be looked for; tried again"
    ),
    "refusal.not_recorded": _event("warning", "code", "a refusal could not be written down"),
    "replay.finished": _event(
        "info", "deliveries order_id", "an order to send again is done; so many began anew"
    ),
    "replay.halted": _event(
        "warning",
        "deliveries order_id",
        "an order to send again stopped: so many canaries have come back, and not all arrived",
    ),
    "replays.put_off": _event(
        "warning", "code", "an order to send again could not go on; tried again"
    ),
    "retention.done": _event(
        "info", "payloads applications details", "what was kept for long enough was deleted"
    ),
    "retention.not_done": _event(
        "warning", "code", "what was kept for long enough is not all deleted; tried again"
    ),
    "return.not_recorded": _event(
        "warning", "code", "that a copy came back could not be written down"
    ),
    "sessions.not_swept": _event(
        "warning", "code", "old sessions could not be removed; tried again"
    ),
    "sftp.host_key_refused": _event(
        "warning", "detail", "the server is another than the configured one"
    ),
    "sftp.keys_forgotten": _event(
        "info", "files", "what is older than keys are remembered was removed"
    ),
    "sftp.name_undecodable": _event("warning", "encoding", "a file's name cannot be read"),
    "sftp.result_file_refused": _event(
        "warning", "folder status", "a file of results cannot be read"
    ),
    "sftp.result_refused": _event(
        "warning", "lines", "a file of results has lines that cannot be read"
    ),
    "sftp.results_readable": _event("info", "", "the folder of results can be read again"),
    "sftp.results_unreadable": _event(
        "warning", "folder reason", "the folder of results cannot be read"
    ),
    "telemetry.not_taken": _event(
        "warning", "dropped", "the collector does not take spans; they are lost"
    ),
    "telemetry.taken_again": _event("info", "dropped", "the collector takes spans again"),
    "terms.refused": _event(
        "warning", "code destination", "a gateway's answer to a heartbeat was not believed"
    ),
    "topology.differs": _event(
        "error", "code subject", "a queue has other arguments than it should"
    ),
    "topology.not_declared": _event(
        "warning", "code subject", "queues could not be declared; tried again"
    ),
    "webhook.endpoint_disabled": _event(
        "error", "client code", "an endpoint failed for too long; nothing is sent to it"
    ),
    "webhook.not_taken": _event(
        "warning",
        "answer_ms application_id attempt body_bytes client code "
        "delivery_id status trace_id webhook_id",
        "an endpoint did not take a webhook; tried again",
    ),
    "webhook.sent": _event(
        "info",
        "answer_ms application_id attempt body_bytes client code "
        "delivery_id status trace_id webhook_id",
        "an endpoint took a webhook",
    ),
    "webhooks.put_off": _event(
        "warning", "client code", "the outbox could not be read or written; tried again"
    ),
    "worker.clock_differs": _event(
        "warning", "off_s worker", "a worker's clock is far from the gateway's"
    ),
    "worker.terms_changed": _event(
        "info",
        "destination max_in_flight open rate_per_s",
        "the gateway wants something else of a worker",
    ),
}
"""Every event; other people's adapters have events of their own."""
