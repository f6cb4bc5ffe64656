#!/usr/bin/env bash
# Fingerprints the input. Uses only what the smallest images have: sha256sum, wc, sort, cut, mkdir.
set -eu

input="${SANDBOX_INPUT_FILE:-/sandbox/input.json}"
output="${SANDBOX_OUTPUT:-/sandbox/out/output.json}"
files="${SANDBOX_FILES_DIR:-/sandbox/out/files}"

if [ ! -f "$input" ] || [ ! -r "$input" ]; then
  echo "fingerprint: there is no input file to read" >&2
  exit 2
fi

digest() { sha256sum < "$1" | cut -c 1-64; }
# The arithmetic strips the blanks that some versions of wc put before the number.
bytes() { echo "$(($(wc -c < "$1")))"; }
lines() { echo "$(($(wc -l < "$1")))"; }

mkdir -p "$files" "${output%/*}"
sum="$(digest "$input")"

case "$0" in */*) here="${0%/*}" ;; *) here="." ;; esac
for file in "$input" "$here"/*; do
  if [ -f "$file" ]; then
    echo "$(digest "$file")  $(bytes "$file")  ${file##*/}"
  fi
done | LC_ALL=C sort -k 3 > "$files/manifest.txt"

printf '{"sha256": "%s", "bytes": %s, "lines": %s}\n' "$sum" "$(bytes "$input")" "$(lines "$input")" > "$output"
echo "sha256 $sum"
