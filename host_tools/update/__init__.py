"""Firmware updates: bundles, their limits."""
