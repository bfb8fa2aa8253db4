"""The first screens: where to go, who one is, hosting, a forgotten password."""
