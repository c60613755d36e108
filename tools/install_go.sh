#!/usr/bin/env bash
# Install Go and its transparency log packages (sumdb/note, sumdb/tlog) where they are
# missing: the tests check the audit log with them, since nobody here wrote them.
set -euo pipefail

if command -v go >/dev/null && [[ -d /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]]; then
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    as_root=(sudo --non-interactive)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "Go is missing and cannot be installed from here: its tests will be skipped" >&2
    echo "(Debian, Ubuntu: sudo apt-get install golang-go golang-golang-x-mod-dev)." >&2
    exit 0
fi

echo "Installing golang-go and golang-golang-x-mod-dev"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends golang-go golang-golang-x-mod-dev >/dev/null
