"""What the board checks of itself, and what it asks a technician to do. It lies beside the slots and comes by
cable alone: a running board pays nothing for it, and no update brings it. It knows the firmware from inside
and goes with that version only; `sportbox selftest` sees to it that they match."""

__version__ = "0.1.0"
