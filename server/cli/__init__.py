"""The commands of ``parley-server``, a module each group of them."""
