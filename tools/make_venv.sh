#!/usr/bin/env bash
# Make the virtual environment $2 with the interpreter $1, or say what is missing.
set -euo pipefail

python=${1:-}
folder=$2

if ! "${python:-false}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    found=$("${python:-python3}" --version 2>&1 || true)
    echo "Kakehashi needs Python 3.11 or newer (found: ${found:-none})." >&2
    echo "Install one (Debian, Ubuntu: apt-get install python3 python3-venv)," >&2
    echo "or name one: make PYTHON=/path/to/python3.12 …" >&2
    exit 1
fi

# Debian and Ubuntu ship python3 without ensurepip.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "This Python cannot make virtual environments: install $package" >&2
        echo "(Debian, Ubuntu: sudo apt-get install $package) and run make again." >&2
        exit 1
    fi
    echo "Installing $package"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$package" >/dev/null
fi

echo "Making $folder with $("$python" --version)"
"$python" -m venv "$folder"
