#!/usr/bin/env bash
set -eu
while IFS=, read -r code name; do
    if [ "$code" = "$1" ]; then echo "$name"; exit 0; fi
done < data/codes.csv
echo "no such code: $1" >&2
exit 3
