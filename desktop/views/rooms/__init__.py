"""Panels that make and find rooms."""
