"""The panel beside a conversation: who is in the room, and what can be done with it."""
