"""Fixtures of the end-to-end tests; `bench` is in tests/faults/helpers.py."""

from tests.faults.helpers import bench

__all__ = ["bench"]
