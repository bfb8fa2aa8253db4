"""The Parley server: one modular monolith, run inside the desktop, standalone, or as roles of a cluster."""
