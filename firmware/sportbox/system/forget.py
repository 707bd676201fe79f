"""What only the start needs leaves the memory when the start is over.

A module is gone once nothing refers to it: neither `sys.modules`, nor its package, nor one of its functions
that somebody keeps. So what is kept (callbacks, tasks) must not be written in a module that is forgotten;
whoever needs it again, as the self-test does, imports it again.

The collector takes any word for a pointer that looks like one, so a module may stay that nothing refers to.
One that is `emptied` has nothing to keep then; none of its functions may be running."""

import sys


def forget(*names: str, emptied: bool = False) -> None:
    """Modules by their full names; those that were never loaded do no harm."""
    for name in names:  # first what asks for no memory: this may be done for want of it
        module = sys.modules.pop(name, None)
        if emptied and module is not None:
            module.__dict__.clear()
    for name in names:
        package, _, last = name.rpartition(".")
        parent = sys.modules.get(package)
        if hasattr(parent, last):
            delattr(parent, last)
