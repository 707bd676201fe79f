"""A simulated chip: its flash, its ROM bootloader and flasher stub as esptool sees them, its images."""
