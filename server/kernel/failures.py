"""What an operator can mend."""

from __future__ import annotations


class OperatorError(Exception):
    """Why a command or a start did not succeed, in one line for whoever runs the server."""
