#!/usr/bin/env bash
# Put Debian's promtool into the virtual environment for the tests of the alert rules, where
# there is none. Nothing is installed into the system and no service starts: the package is
# fetched and only that one program is taken out of it.
set -euo pipefail

target=${1:?usage: install_promtool.sh FOLDER}/promtool
if [[ -x $target ]] || command -v promtool >/dev/null; then
    exit 0
fi

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "promtool is missing and cannot be fetched from here: its tests will be skipped" >&2
    exit 0
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fetch() { (cd "$folder" && apt-get download -qq prometheus); }
echo "Fetching promtool out of Debian's prometheus package"
if ! fetch 2>/dev/null; then
    as_root=()
    if [[ $(id -u) != 0 ]]; then
        as_root=(sudo --non-interactive)
    fi
    "${as_root[@]}" apt-get update -qq
    fetch
fi
dpkg-deb --fsys-tarfile "$folder"/prometheus_*.deb | tar -x -C "$folder" ./usr/bin/promtool
install -m 0755 "$folder/usr/bin/promtool" "$target"
