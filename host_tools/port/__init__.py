"""A real or simulated board on a serial port: find it, flash it, talk to it.

`ports` and `jobs` are the ground: which ports there are, what is wrong with one, many of them at once.
"""
