#!/usr/bin/env bash
# Make the keys of the gateway and the worker in compose.yaml, once. Private keys stay where
# they are made; only public halves are exchanged.
set -euo pipefail

gateway() { docker compose run --rm --no-deps -T gateway "$@"; }
worker() { docker compose run --rm --no-deps -T worker "$@"; }

gateway keys new gateway
gateway keys new pseudonym
gateway keys new log
worker keys new worker worker-1
worker keys new destination jido-teate

gateway keys export gateway/signing | worker keys import /dev/stdin --as gateway/signing
worker keys export worker/worker-1 | gateway keys import /dev/stdin --as worker/worker-1
worker keys export destination/jido-teate |
    gateway keys import /dev/stdin --as destination/jido-teate
