"""All SQL of the chat context. Every function runs in the transaction it is given."""
