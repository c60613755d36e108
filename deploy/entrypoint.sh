#!/bin/sh
# Start kakehashi with its secrets: each file /run/secrets/KAKEHASHI_… becomes the environment
# variable of that name. They stand in no image, no compose file and no `docker inspect`.
set -eu

for file in /run/secrets/KAKEHASHI_*; do
    if [ -f "$file" ]; then
        value=$(cat "$file")
        export "$(basename "$file")=$value"
    fi
done

exec kakehashi "$@"
