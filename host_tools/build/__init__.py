"""Turning the firmware's sources into what lies on a board's flash."""
