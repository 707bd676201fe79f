"""What goes wrong on a network, played to the firmware."""
