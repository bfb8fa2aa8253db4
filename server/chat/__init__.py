"""Rooms, members and messages: the stream of every room."""
