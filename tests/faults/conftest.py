"""Fixtures of the fault tests; `bench` is in helpers.py."""

from tests.faults.helpers import bench

__all__ = ["bench"]
