"""The REST application, assembled from the contexts' controllers, and the server's own pages."""
