"""Presence, routes and rate limits in Redis or Valkey, shared by all processes of a server."""
