#!/usr/bin/env bash
# Write the hash-pinned requirement files, for every platform and Python from 3.11 on.
# No index address goes into them, and the index is the public one whatever this
# machine's own settings are: the hashes are those of the published files.
set -euo pipefail

uv=$1
compile() {
    "$uv" --no-config pip compile --quiet --upgrade --universal --generate-hashes \
        --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header "$@" >/dev/null
}

unset UV_INDEX UV_DEFAULT_INDEX UV_INDEX_URL UV_EXTRA_INDEX_URL UV_FIND_LINKS
compile pyproject.toml --extra postgres --extra sftp --extra otel --output-file requirements.txt
compile --group build --constraint requirements.txt --output-file requirements-build.txt
compile --group dev --constraint requirements.txt --constraint requirements-build.txt \
    --output-file requirements-dev.txt
compile --group bench --constraint requirements.txt --constraint requirements-build.txt \
    --constraint requirements-dev.txt --output-file requirements-bench.txt
compile --group lock --output-file requirements-lock.txt
