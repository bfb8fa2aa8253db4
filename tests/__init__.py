"""Parley's own tests, and under `support` what they share."""
