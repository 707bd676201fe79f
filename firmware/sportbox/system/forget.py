"""What only the start needs leaves the memory when the start is over.

A module is gone once nothing refers to it: neither `sys.modules`, nor its package, nor one of its functions
that somebody keeps. So what is kept (callbacks, tasks) must not be written in a module that is forgotten;
whoever needs it again, as the self-test does, imports it again."""

import sys


def forget(*names: str) -> None:
    """Modules by their full names; those that were never loaded do no harm."""
    for name in names:
        if name in sys.modules:
            del sys.modules[name]
            package, _, last = name.rpartition(".")
            delattr(sys.modules[package], last)
