"""The way to a server: addresses, pinned TLS, the socket and its protocol, REST. Knows no Qt and no state."""
