"""The parts of `make bench`, by name, in their order, and the module of each."""

PARTS = {
    "cold": "cold",
    "waiting": "waiting",
    "throughput": "throughput",
    "commands": "commands",
    "prefect": "mapped",
    "batch": "batched",
    "memory": "steady",
    "files": "files",
    "tables": "tables",
    "packages": "environments",
}
TURNS, QUICK_TURNS = 20, 5
"""Turns of short things by default, and with `--quick`."""
