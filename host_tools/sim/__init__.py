"""Simulated boards: real firmware in a real MicroPython VM, in a small physical world."""
