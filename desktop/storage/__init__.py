"""What a profile keeps on disk: caches, outboxes, settings, secrets. The only users of ``sqlite3`` here."""
