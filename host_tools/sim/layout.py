"""The world page: everything physical about one simulated board, in one 8 KiB file-backed page.

This table is the only place that knows the layout. The host reads it with `struct` (`world.py`), the
VM of the board with `uctypes` (`vm/_world.py`), so it must stay importable by CPython and MicroPython.
Codes are those of `struct`: B b I Q q. Every field is aligned to its size, which makes a store atomic.

All times are microseconds of CLOCK_MONOTONIC, which both sides read; only `rtc_offset_ns` belongs to
the wall clock: RTC of the board (Unix epoch) = wall clock + offset.
"""

FLASH_BLOCK = 4096
FLASH_BLOCKS = 512
FLASH_SIZE = FLASH_BLOCK * FLASH_BLOCKS

SIZE = 8192
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

# --- power: sleep, supply, what is kept over a reset, and how long it took ---

BROWNOUT = 15  # no cause of machine.reset_cause(): the supply sagged, and the chip reset itself
TIMER_WAKE = 4
EXT1_WAKE = 3
GPIO_WAKE = 7  # ESP-IDF's esp_sleep_source_t; `machine` has no name for it

_POWER_FIELDS = {
    "asleep": (7488, "B"),  # in deep sleep: no VM runs, the timer or a pin wakes it
    "wake_reason": (7489, "B"),  # of the boot that runs; 0: it did not sleep
    "ext1_level": (7490, "B"),  # 1: any pin high wakes, 0: all low
    "gpio_level": (7491, "B"),
    "temperature_c": (7492, "b"),
    "reset_state": (7496, "I"),  # RTC_CNTL_RESET_STATE_REG, the low six bits: why the chip says it reset
    "rtc_memory_length": (7500, "I"),
    "sleep_until_us": (7504, "Q"),  # 0: the timer does not wake it
    "ext1_pins": (7512, "Q"),  # bit masks of GPIOs
    "gpio_pins": (7520, "Q"),
    "woken_pins": (7528, "Q"),
    "awake_since_us": (7536, "Q"),  # 0: no VM runs
    "awake_us": (7544, "Q"),  # over the board's life, without what runs now
    "radio_since_us": (7552, "Q"),  # 0: the radio is off
    "radio_us": (7560, "Q"),
    "starts": (7568, "I"),  # how often a VM was started, wakes included
    "battery_mv": (7572, "I"),
    "solar_mv": (7576, "I"),
}
FIELDS.update(_POWER_FIELDS)

ANALOG_UV = 7168  # one "I" a pin: the voltage at an analog input
RTC_MEMORY = 5120
RTC_MEMORY_SIZE = 2048
