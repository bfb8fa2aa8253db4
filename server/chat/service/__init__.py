"""Use cases of the chat context: the commit of messages, rooms, reading, marks."""
