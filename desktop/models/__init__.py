"""Thin Qt models over services."""
