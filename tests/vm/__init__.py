"""Runs unittest files a second time inside the MicroPython VM."""
