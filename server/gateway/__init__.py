"""WebSocket sessions: accept, authenticate, route requests to handlers, fan deliveries out, drain."""
