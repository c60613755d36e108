"""Names that are used where vulture cannot look: by libraries, and as data that is dumped."""

# ruff: noqa: B018, F821 - a list of names, never run

anchor_age_s  # members of answers, written as JSON
days_left  # members of answers, written as JSON
error_rate  # members of answers, written as JSON
in_per_min  # members of answers, written as JSON
kty  # members of answers, written as JSON
most_moved_ms  # members of answers, written as JSON
out_per_min  # members of answers, written as JSON
resolved  # members of answers, written as JSON
seal_age_s  # members of answers, written as JSON
second_half  # members of answers, written as JSON
settings_customise_sources  # pydantic-settings calls it
handle_error  # aiohttp calls it
log_exception  # aiohttp calls it
output_size  # aiohttp reads it
row_factory  # sqlite3 reads it
message_id  # aio-pika reads it
justify  # rich reads these
show_header
no_wrap
list_commands  # typer calls these
format_commands
pytestmark  # pytest reads it
alg  # members of answers, written as JSON
status_ja
body_schema
attention_since
compared_with
first_seen_at
last_accepted_at
last_ended_at
last_error
class_  # the member `class`, which is no name in Python
same_version
started_at
ja  # members of a manifest, read from TOML
en
tier
rules
direction
quality
configure  # a member of RabbitMQ's permissions, unpacked by place
tokens_revoked  # members of answers, written as JSON
unsynchronised  # members of answers, written as JSON
until  # a parameter of a Protocol's method
do_POST  # http.server calls it
log_message  # http.server calls it
hasty  # a fixture that another one needs
marshal  # aiormq calls it
validate_host_public_key  # asyncssh calls these
password_auth_supported
validate_password
public_key_auth_supported
validate_public_key
amqp  # members of a tuple, unpacked by place
dist
BEFORE  # one of the cuts, which a test goes through
send_batch  # of the contract with adapters, which the runtime does not call yet
max_batch
incoming
is_kakehashi_contract  # the contract kit's pytest plugin asks for it by name
faults  # of an adapter's rule, looked up in its module
CHECKS
buffer_text  # expat reads these
StartElementHandler
EndElementHandler
CharacterDataHandler
StartDoctypeDeclHandler
ProcessingInstructionHandler
get_reset_query  # asyncpg asks a connection for it
on_start  # OpenTelemetry's SDK calls these, by these names
on_end
parent_context
force_flush
timeout_millis
sending_s  # a template reads it
on_start  # OpenTelemetry's SDK calls these
parent_context
on_end
force_flush
timeout_millis
image  # markdown-it calls these, by the kinds of its tokens
code_block
table_open
table_close
th_open
td_open
rejected  # members of answers, written as JSON
verification  # members of answers, written as JSON
words_lost  # members of answers, written as JSON
workers_alive  # members of answers, written as JSON
deferred
down_since
tempdir  # tempfile.tempdir, which the standard library reads
