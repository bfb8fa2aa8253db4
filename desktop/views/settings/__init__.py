"""Profile, looks, password, devices, the server, signing out."""
