"""First thing after reset. Outputs keep their reset levels (locks have an external pull-down): nothing moves
at boot. It changes nothing: it only lets whoever comes to a prompt find the modules of the slot that runs."""

import sys

sys.path[:] = ["/loader", ".frozen"]
try:
    from sportbox.store import slots

    sys.path[0] = "/" + slots.running(slots.read())
    del slots  # main.py has the names of this file
except Exception as error:  # main.py shall run all the same: it knows what to say
    print("sportbox: no slot:", error)
for _name in list(sys.modules):
    if _name.startswith("sportbox"):
        del sys.modules[_name]  # the loader's copies
