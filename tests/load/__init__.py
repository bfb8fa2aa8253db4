"""Load on a running server: ``python -m tests.load SCENARIO --url URL`` (see ``docs/load.md``)."""
