"""Tests. Those below core/ and firmware/ run on CPython and on MicroPython: tests/vm/README.md."""
