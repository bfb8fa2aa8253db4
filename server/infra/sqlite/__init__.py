"""The database port on SQLite: one file in the data folder, one writer thread, two readers."""
