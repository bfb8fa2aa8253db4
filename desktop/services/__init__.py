"""State and use cases of the desktop: QtCore only, no widgets. Views see them through ``api``."""
