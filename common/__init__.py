"""What server and desktop must agree on: ids, error codes, limits, the wire protocol. Pure, no I/O."""
