"""How a VM's process ends."""

import os as _os


def leave():
    """At once, as at a reset: no handler runs, no file is closed."""
    _os.system("kill -KILL $PPID")
    while True:
        pass
