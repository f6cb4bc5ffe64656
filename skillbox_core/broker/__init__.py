"""A small broker between a worker and the container engine: only the calls that this project makes go through.

Whoever may use the engine's socket is root on its host. A worker that may use only the broker's socket can make
sandboxes as the policy has them, and look after those of its own installation; nothing else.
"""
