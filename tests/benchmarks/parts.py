"""The parts of `make bench`, by name, in their order, and the module of each."""

PARTS = {
    "cold": "cold",
    "throughput": "throughput",
    "commands": "commands",
    "prefect": "mapped",
    "memory": "steady",
    "files": "files",
    "tables": "tables",
    "packages": "environments",
}
