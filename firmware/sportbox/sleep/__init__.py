"""Boards on battery: asleep most of the time."""
