"""A server's data as a whole: backed up, restored, carried to another database."""
