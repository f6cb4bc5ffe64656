"""Environments: what a Python skill may import beside the standard library; from a lock to a tree of files."""
