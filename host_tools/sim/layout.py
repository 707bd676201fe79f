"""The world page: everything physical about one simulated board, in one 4 KiB file-backed page.

This table is the only place that knows the layout. The host reads it with `struct` (`world.py`), the
VM of the board with `uctypes` (`vm/_world.py`), so it must stay importable by CPython and MicroPython.
Codes are those of `struct`: B b I Q q. Every field is aligned to its size, which makes a store atomic.

All times are microseconds of CLOCK_MONOTONIC, which both sides read; only `rtc_offset_ns` belongs to
the wall clock: RTC of the board (Unix epoch) = wall clock + offset.
"""

FLASH_BLOCK = 4096
FLASH_BLOCKS = 512
FLASH_SIZE = FLASH_BLOCK * FLASH_BLOCKS

SIZE = 4096
MAGIC = 0x31575053
PINS = 64

# reset causes, as machine.reset_cause() of the ESP32 numbers them
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

# `exit_request`: why the VM ended itself; 0 means that it did not mean to
EXIT_NONE = 0

LOW = 0
HIGH = 1
FLOATING = 2  # an input that nothing drives: its pull resistor decides

OUT_NONE = 0
OUT_GPIO = 1  # `out_level` holds
OUT_RMT = 2  # the RMT channel holds: not idle from `start_us` to `until_us`

FIELDS = {
    "magic": (0, "I"),
    "power": (4, "B"),
    "halted": (5, "B"),  # main.py ended: a real board sits at the REPL now
    "reset_cause": (6, "B"),  # of the boot that runs, or of the next one
    "exit_request": (7, "B"),  # HARD_RESET or SOFT_RESET, written just before the VM ends itself
    "wifi_up": (8, "B"),
    "rssi_dbm": (9, "b"),
    "time_server_up": (10, "B"),
    "chip": (11, "B"),  # CHIPS below
    "boot_count": (12, "I"),
    "wifi_changed_us": (16, "Q"),
    "rtc_offset_ns": (24, "q"),
    "wdt_deadline_us": (32, "Q"),  # 0: no watchdog runs
    "heap_base_bytes": (40, "I"),  # of the VM's heap, in use before the firmware starts
    "ntp_port": (44, "I"),
    "mac_high": (48, "I"),  # the first three bytes of the MAC
    "mac_low": (52, "I"),
    "flash_erases": (60, "I"),  # blocks, over the life of this flash
    "flash_programmed_bytes": (64, "Q"),
    "pid": (56, "I"),  # of the VM while the board has power
}

CHIPS = ("", "esp32", "esp32s3", "esp32c3")

# byte arrays, one entry a pin
IN_LEVEL = 128
OUT_LEVEL = 192
OUT_KIND = 256
TRUE_LEVEL = 320  # what a sensor would say if it were not stuck
STUCK = 384  # 1: IN_LEVEL does not follow TRUE_LEVEL

# one record a pin: what its RMT channel did and does
RMT = 512
RMT_SIZE = 40
RMT_FIELDS = {
    "start_us": (0, "Q"),
    "until_us": (8, "Q"),
    "total_us": (16, "Q"),  # of finished pulses
    "longest_us": (24, "I"),  # of finished pulses
    "pulses": (28, "I"),  # begun
    "idle": (32, "B"),
}
