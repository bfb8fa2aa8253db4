"""The database port on PostgreSQL."""
