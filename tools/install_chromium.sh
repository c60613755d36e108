#!/usr/bin/env bash
# Install Chromium for the tests of the console where it is missing, and a font with Japanese
# letters, without which pictures of it would show boxes.
set -euo pipefail

fonts=/usr/share/fonts/opentype/noto
if [[ -x /usr/bin/chromium && -d $fonts ]]; then
    exit 0
fi

as_root=()
if [[ $(id -u) != 0 ]]; then
    as_root=(sudo --non-interactive)
fi
if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
    echo "Chromium is missing and cannot be installed from here: its tests will be skipped" >&2
    echo "(Debian: sudo apt-get install chromium fonts-noto-cjk)." >&2
    exit 0
fi

echo "Installing chromium and fonts-noto-cjk"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk >/dev/null
