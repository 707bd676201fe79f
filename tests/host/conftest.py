"""Fixtures of the host tools' tests."""

from tests.host.played_board import board

__all__ = ["board"]
