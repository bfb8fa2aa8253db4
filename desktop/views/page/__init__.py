"""One account in the window: rooms, conversation, details."""
