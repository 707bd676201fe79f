"""The fault simulator: the firmware on virtual time, in a world in which everything fails, from one seed."""
