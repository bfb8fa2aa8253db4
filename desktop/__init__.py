"""The Parley desktop: PySide6 windows over services that talk to one or more servers."""
