"""Reusable pieces of windows that know no service."""
