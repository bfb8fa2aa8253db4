"""One suite a port, run over every adapter of it (tests/contract/adapters.py)."""
