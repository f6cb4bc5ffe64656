#!/bin/sh
# Finds (or, as root on Debian and Ubuntu, installs) a Python that can make virtual environments, and hands over.
set -eu
cd "$(dirname "$0")/../.."

find_python() {
    for name in python3 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 &&
            "$name" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    return 1
}

if ! python=$(find_python); then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "installing python3 and python3-venv" >&2
        { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
            python3 python3-venv ca-certificates; } >/dev/null
    fi
    python=$(find_python) || {
        echo "Skillbox needs Python 3.11 to 3.13 with venv; on Debian and Ubuntu: apt-get install python3 python3-venv" >&2
        exit 1
    }
fi
exec "$python" -m deployments.local.main "$@"
