"""Brings an installation up on one machine: virtual environment, engine, images, Prefect server.

Runs on the system's own Python before the virtual environment exists, so it uses the standard library only.
"""
