"""Rules of the whole tree that no single module can show."""
