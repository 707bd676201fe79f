"""Stands in for MicroPython's `micropython` module when logic tests run on CPython."""


def const(value):
    return value
