#!/usr/bin/env bash
# Install RabbitMQ for the tests where it is missing. The tests start private nodes on
# loopback ports: the package's own service is neither needed nor touched.
set -euo pipefail

if [[ -x /usr/lib/rabbitmq/bin/rabbitmq-server ]]; then
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    as_root=(sudo --non-interactive)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "RabbitMQ is missing and cannot be installed from here: its tests will be skipped" >&2
    echo "(Debian, Ubuntu: sudo apt-get install rabbitmq-server)." >&2
    exit 0
fi

echo "Installing rabbitmq-server"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends rabbitmq-server >/dev/null
