"""Secrets: password hashes, signed tokens, key files."""
