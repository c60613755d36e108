"""What an operator does about each code; ``docs/reference/errors.md`` is made of it.

A code that the source has and no table here has keeps the page from being made.
"""

from typing import Final

from gateway.services.advice import ADVICE

FRONT_END: Final = "None. The front end's developers correct the request."
"""Whatever else the front door refuses, but for what ``AT_THE_DOOR`` names."""

FIELD: Final = "None. The front end shows the sentence at its field, and sends it corrected."

AT_THE_DOOR: Final[dict[str, str]] = {
    "application.already_received": "None. Nothing is lost: `existing` is the application.",
    "client.key_revoked": "If that was not meant: `kakehashi client add`, and hand the key over.",
    "client.key_unknown": "`kakehashi client list`: was it ever made, on this journal?",
    "client.municipality_not_allowed": "If it may: `clients.NAME.municipalities`.",
    "client.procedure_not_allowed": "If it may: `clients.NAME.procedures`.",
    "client.rate_exceeded": "None; if it is everyday load, raise `http.requests_per_s`.",
    "gateway.busy": "Add a gateway, or see what keeps this one: `/metrics`, the journal's disk.",
    "internal": "A mistake in the gateway: find `http.failed` in the log, and report it.",
    "journal.backlog_full": "Core systems or the broker are down: "
    "[a broker outage](../howto/a-broker-outage.md).",
    "journal.commit_unknown": "None; the front end asks again by its key. Look at the journal.",
    "journal.unavailable": "Restore the journal's database or disk; nothing was lost.",
    "municipality.unknown": "If it is a tenant: `municipalities` in the configuration.",
    "operator.token_expired": "`kakehashi account token add NAME --label …` makes the next one.",
    "operator.token_revoked": "Was it meant? `kakehashi account token list`; a new one if not.",
    "operator.token_unknown": "If it should be one: `kakehashi account token list`.",
    "operator.unauthenticated": "None; who may enter has a token or signs in to the console.",
    "operator.unknown": "Run `kakehashi` as the gateway's own user, on its machine.",
    "operation.unknown": "Use the `kakehashi` of the gateway's own release.",
    "procedure.not_offered": "If it is taken here: a route for it in `routes`.",
    "procedure.unknown": "If it should be there: `schemas.folders`; `kakehashi schema list`.",
    "proof.not_sealed_yet": "None; if it stays so, is sealing held up (`log.not_sealed`)?",
    "request.misdirected": "If it is the gateway's name: `console.url`, or `console.hosts`.",
    "request.timeout": "None; if all clients have it, the network before the gateway is slow.",
    "request.too_large": "None; if they are lawful, raise `http.max_body_bytes`.",
}
"""Code to action, where a refusal at the front door is not the front end's business alone."""

WEBHOOKS: Final[dict[str, tuple[str, str]]] = {
    "webhook.busy": (
        "The endpoint answered 429 or 503; it is tried again when it says, or later.",
        "None, if it passes; else ask the front end.",
    ),
    "webhook.failed": ("The endpoint answered another 5xx.", "Ask the front end: it is broken."),
    "webhook.gone": (
        "The endpoint answered 410: nothing is sent there any more.",
        "`kakehashi client webhook enable` once the front end has it back.",
    ),
    "webhook.redirected": (
        "The endpoint answered 3xx; redirects are not followed.",
        "Configure the address that it names, if that is right.",
    ),
    "webhook.refused": (
        "The endpoint answered another 4xx.",
        "Does the front end know the secret, and is its clock right?",
    ),
    "webhook.timeout": (
        "The endpoint did not answer in time.",
        "Ask the front end, or whoever runs the network between.",
    ),
    "webhook.tls": (
        "The endpoint's certificate is not trusted.",
        "`SSL_CERT_FILE` for a CA of your own; else the front end renews its certificate.",
    ),
    "webhook.unreachable": (
        "No connection to the endpoint.",
        "Is its address right, and the way there open?",
    ),
}
"""Code to meaning and action, where a front end is told of feedback."""

_WITH_A_PAGE: Final = {
    "destination.unavailable": "[A core system down overnight]"
    "(../howto/a-core-system-down-overnight.md).",
}
DELIVERIES: Final[dict[str, tuple[str, str, str]]] = {
    code: (advice.state, advice.happened[1], _WITH_A_PAGE.get(code, advice.action[1]))
    for code, advice in ADVICE.items()
}
"""Code to the delivery's state, what happened, and what to do."""

INSIDE: Final[dict[str, str]] = {
    "approval.own_request": "Another person approves or refuses it.",
    "approval.waits_no_more": "Look at it; ask anew if it is still wanted.",
    "account.password_refused": "Choose another one: long, and not what everybody guesses first.",
    "broker.queue_full": "Is a worker running for it? The journal keeps the rest and goes on.",
    "broker.topology_mismatch": "Stop gateways and workers; `kakehashi topology apply --recreate`.",
    "broker.unavailable": "[A broker outage](../howto/a-broker-outage.md); accepting goes on.",
    "broker.unroutable": "`kakehashi topology apply`; what is pending is published again.",
    "config.invalid": "Correct the key that is named; `kakehashi config check`.",
    "delivery.illegal_transition": "Somebody else was faster: look at it again, then decide.",
    "delivery.not_found": "`kakehashi parked list` shows the deliveries' ids.",
    "destination.rejected": "The core system's own code stands with it: its manual, or the "
    "adapter's README.",
    "destination.throttled": "None; it waits as it was told.",
    "destination.transient": "None; it is tried again.",
    "destination.unavailable": "Restore the core system or the way to it; it resumes by itself.",
    "destination.unknown_outcome": "None with `native` or `lookup`; else ask the core system.",
    "internal": "A mistake in the gateway: report it, with the log's line.",
    "journal.commit_unknown": "None; whoever asked asks again under the same key.",
    "journal.node_taken": "Stop the other process, or give this one another `node`.",
    "journal.unavailable": "Restore the journal's database or disk; nothing is lost.",
    "journal.unusable": "Do not go on: the error says which setting, version or checksum; "
    "[restore](../howto/restore.md).",
    "json.malformed": "None. The sender corrects it.",
    "keys.not_found": "`kakehashi keys list`; then `keys new` or `keys import`.",
    "keys.unusable": "Mode 0600 and the process' own user; else import it again from its backup.",
    "log.unusable": "Do not go on: [the audit log](../explanation/audit-log.md); tell the "
    "security team.",
    "message.malformed": "Gateway and worker of one release? Else somebody else publishes: tell "
    "the security team.",
    "operation.changed_meanwhile": "Look at it again, then decide.",
    "operation.not_found": "Check the id; `kakehashi status`, `client list`, `keys list`.",
    "operation.refused": "It says why.",
    "operation.waits_for_approval": "Nothing was done yet: another person approves or refuses it, "
    "[four eyes](../howto/four-eyes.md).",
    "operator.not_permitted": "Ask somebody with one of the roles that it names.",
    "record.field_refused": "The code beside it says which; see the adapter's README, Outcomes.",
    "console.full": "None if it passes; if not, somebody leaves pages open or takes lists away.",
    "sign_in.busy": "None if it passes; if not, somebody guesses: `session.refused` in the log.",
    "seal.invalid": "Has the worker the destination's current key? `kakehashi keys list`.",
    "seal.signature_invalid": "Are the keys those of the gateway and of its workers? If so, "
    "somebody else publishes: tell the security team.",
    "text.undecodable": "The core system's file is in another charset than configured.",
    "text.unmappable": "A character that the core system's charset lacks: correct and replay, or "
    "say in the configuration what stands for it.",
}
"""Code of an error to what the operator does."""

_SENDER: Final = "Tell the core system's operators: it is for them to write it anew."
_LAYOUT: Final = (
    "Compare the file with `results` in the configuration; correct the one that is wrong."
)
_ONE: Final = "Correct that result in the file; the others of the file count."
_AGAIN: Final = "None if it passes: the page is asked for again. If not, ask the core system."

RESULTS: Final[dict[str, tuple[str, str]]] = {
    "batch.count_differs": ("The header or trailer counts other results than there are.", _SENDER),
    "batch.count_malformed": ("What stands where the count should is no number.", _LAYOUT),
    "batch.header_missing": ("The first line is not the header.", _LAYOUT),
    "batch.trailer_missing": ("The last line is not the trailer: was it cut off?", _SENDER),
    "csv.cut_off": ("The file ends within a row.", _SENDER),
    "csv.malformed": ("A row breaks the rules of CSV, such as a quote within a cell.", _ONE),
    "record.wrong_length": ("A record is shorter or longer than its layout.", _LAYOUT),
    "result.answer_cut_off": ("The page ended before its end.", _AGAIN),
    "result.answer_encoded": ("The page is compressed, which was not asked for.", _AGAIN),
    "result.answer_too_large": ("The page is larger than any that is read.", _AGAIN),
    "result.column_missing": ("It lacks its key, status or time, or the column is empty.", _LAYOUT),
    "result.columns_differ": ("A row has more or fewer cells than the header.", _LAYOUT),
    "result.key_malformed": ("Its key is neither a delivery's nor the name of its file.", _ONE),
    "result.member_malformed": ("A member is neither text nor number.", _LAYOUT),
    "result.next_elsewhere": (
        "The next page lies on another server: our token is not for it.",
        _AGAIN,
    ),
    "result.next_malformed": ("What names the next page is no address.", _AGAIN),
    "result.not_a_list": ("No list stands where the configuration says.", _LAYOUT),
    "result.not_an_object": ("A result is no JSON object.", _LAYOUT),
    "result.not_json": ("It is not JSON.", _LAYOUT),
    "result.reason_malformed": (
        "Its reason is words, or holds what may be a person's number: it is not kept.",
        _LAYOUT,
    ),
    "result.reference_malformed": (
        "Its number is too long, or may be a person's: it is not kept.",
        _LAYOUT,
    ),
    "result.status_unknown": ("Its status is not in `statuses`.", "Add it there, if it is right."),
    "result.time_malformed": ("Its time is not of `decided_at_format`.", _LAYOUT),
    "result.time_out_of_range": ("Nobody decided in that year.", _ONE),
    "result.too_large": (
        "The file is larger than `max_file_bytes`.",
        "Raise it, if that is right.",
    ),
    "result.too_many": (
        "The page has more results than `max_page_items`.",
        "Raise it, or ask for less.",
    ),
    "result.too_many_faults": ("So many are wrong that the rest was not read.", _LAYOUT),
    "result.unreadable": ("It surprised the reader.", "Report it, with a file of invented people."),
    "text.undecodable": ("It is in another charset than `encoding`.", _LAYOUT),
    "xml.forbidden": ("It has a DTD, an entity or a depth that nobody needs.", _SENDER),
    "xml.malformed": ("It is not XML, or ends in the middle.", _SENDER),
}
"""Code of a result that is set aside to what it means, and what to do."""
