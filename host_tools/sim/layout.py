"""The world page: everything physical about one simulated board, in one file-backed mapping of 8 KiB.

This table is the only place that knows the layout. The host reads it with `struct` (`world.py`), the
VM of the board with `uctypes` (`vm/_world.py`), so it must stay importable by CPython and MicroPython.
Codes are those of `struct`: B b I Q q. Every field is aligned to its size, which makes a store atomic.

All times are microseconds of CLOCK_MONOTONIC, which both sides read; only `rtc_offset_ns` belongs to
the wall clock: RTC of the board (Unix epoch) = wall clock + offset.
"""

FLASH_BLOCK = 4096
FLASH_SIZE = 4 * 1024 * 1024  # of a board that nobody chose another one for
VFS_OFFSET = 0x220000  # where MicroPython 1.29 puts its filesystem on a flash of 4 MiB or more

SIZE = 8192
MAGIC = 0x32575053
GPIOS = 64  # pins from here to PINS are those of the port expander: GPA0 to GPA7, GPB0 to GPB7
PINS = 80
NO_PIN = 255

# reset causes, as machine.reset_cause() of the ESP32 numbers them
PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5

# `exit_request`: why the VM ended itself, a reset cause or EXIT_CUT; 0 means that it did not mean to
EXIT_NONE = 0
EXIT_CUT = 14  # the power was cut in the middle of a flash operation

# what the VM's console is
CONSOLE_LOG = 0  # a file: the VM ends with main.py
CONSOLE_REPL = 1  # a terminal: boot.py, main.py, then the prompt
CONSOLE_RAW = 2  # the same in the raw REPL, which does not run main.py

# What the VM tells its console's relay, within its output. No UTF-8 text has the first two bytes. `B` is
# followed by a length (4 bytes, little endian) and so many bytes that are passed on as they are.
MARK = b"\xff\xfe\x10"
MARK_RUNS = MARK + b"R"  # Ctrl-C is heard from now on
MARK_PROMPT = MARK + b"P"  # the interpreter's own banner and prompt come next
MARK_BYTES = MARK + b"B"

LOW = 0
HIGH = 1
FLOATING = 2  # an input that nothing drives: its pull resistor decides

OUT_NONE = 0
OUT_GPIO = 1  # `out_level` holds
OUT_RMT = 2  # the RMT channel holds: not idle from `start_us` to `until_us`
OUT_OPEN_DRAIN = 3  # `out_level` 0 pulls the pin low, 1 lets it go

PULL_DOWN = 1
PULL_UP = 2

STUCK_LEVEL = 1  # of a sensor: it says the same whatever happens
STUCK_CUT = 2  # its wire is cut: nothing drives the pin

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
    "edges": (72, "I"),  # written into the ring of edges so far
    "actuators": (76, "B"),  # records in use, from the first
    "links": (77, "B"),
    "tofs": (78, "B"),
    "radars": (79, "B"),
    "i2c_sda": (80, "B"),  # NO_PIN: the board has no bus
    "i2c_scl": (81, "B"),
    "expander_address": (82, "B"),  # 0: there is none
    "expander_interrupt": (83, "B"),  # the GPIO that its INTA is wired to
    "expander_lost": (84, "B"),  # it does not answer
    "rtc_chip": (85, "B"),  # 1: a DS3231
    "rtc_lost": (86, "B"),
    "wifi_fault": (87, "B"),  # WIFI_FAULTS below; the board heals some of them, and writes 0 then
    "vfs_offset": (96, "I"),  # of the filesystem in the flash, in bytes; 0: VFS_OFFSET, and all behind it
    "vfs_size": (100, "I"),
    "cut_at_op": (104, "I"),  # power is cut in the middle of so many-th flash operation from now; 0: never
    "bad_sectors": (108, "I"),  # how many of the four below are set: sectors that take nothing
    "bad_sector_0": (112, "I"),  # number in the whole flash
    "bad_sector_1": (116, "I"),
    "bad_sector_2": (120, "I"),
    "bad_sector_3": (124, "I"),
    "rtc_chip_offset_ns": (88, "q"),  # its time as Unix epoch = wall clock + offset
}

CHIPS = ("", "esp32", "esp32s3", "esp32c3")

# What is wrong with the station though the access point is there. The first two last until the station does
# what helps: connect() anew, and its radio off and on.
WIFI_STALE = 1  # says that it is connected, and nothing passes (micropython#3967, #3913)
WIFI_STUCK = 2  # says that it is connecting, for ever (micropython#5261, #14382)
WIFI_WRONG_PASSWORD = 3
WIFI_NO_AP = 4
WIFI_STATE_ERROR = 5  # connect() raises (ESP_ERR_WIFI_STATE)
WIFI_NO_ADDRESS = 6  # associated, and no DHCP server answers
WIFI_LEASE_LOST = 7  # the address is gone, and the station goes on saying that it is connected
WIFI_INTERNAL_ERROR = 8  # down, and active() raises "Wifi Internal Error" (ESP_ERR_WIFI_CONN)
WIFI_NO_MEMORY = 9  # down; the first WLAN() and active(True) raise a RuntimeError, 0x0101 (ESP_ERR_NO_MEM)
WIFI_FAULTS = (
    "ok",
    "connected",
    "connecting",
    "wrong_password",
    "no_ap",
    "state_error",
    "no_address",
    "lease_lost",
    "internal_error",
    "no_memory",
)

# byte arrays, one entry a pin
IN_LEVEL = 128
OUT_LEVEL = 208
OUT_KIND = 288
TRUE_LEVEL = 368  # what a sensor would say if nothing were wrong with it
STUCK = 448  # 0: IN_LEVEL follows TRUE_LEVEL
PULL = 528

EXPANDER = 608  # the MCP23017's registers, then the port levels that its interrupts compare with
EXPANDER_SIZE = 24
RTC_CHIP = 632  # the DS3231's registers; the first seven are not kept here but as an offset
RTC_CHIP_SIZE = 20

EDGES = 656  # ring of (pin, level): entry number n lies at n % EDGES_MAX
EDGES_MAX = 64
LINKS = 784  # (pin, pin) that a pressed key connects
LINKS_MAX = 8

# radar on a UART
RADAR = 800
RADAR_SIZE = 16
RADARS_MAX = 4
RADAR_FIELDS = {
    "rx": (0, "B"),  # the board's pins
    "tx": (1, "B"),
    "fault": (2, "B"),  # RADAR_FAULTS below
    "target": (3, "B"),  # bit 0: somebody moves, bit 1: somebody stands
    "distance_cm": (4, "H"),
    "moving": (6, "B"),  # energies, 0 to 100
    "standing": (7, "B"),
}
RADAR_FAULTS = ("ok", "ghost", "latched", "silent", "garbage")

# time-of-flight sensor on the I2C bus
TOF = 864
TOF_SIZE = 16
TOFS_MAX = 4
TOF_FIELDS = {
    "xshut": (0, "B"),  # NO_PIN: never held in reset
    "lost": (1, "B"),
    "address": (2, "B"),  # that it listens to now
    "resets": (3, "B"),  # so far, modulo 256
    "distance_mm": (4, "H"),  # 0: nothing in range
    "up_us": (8, "Q"),  # when it was let out of reset; 0: it is held there
}
TOF_ADDRESS = 0x29  # after power-on and reset

HELD = 928  # a pin each, 1: the door on it sticks
PEOPLE = 1008  # how many, a byte a court in the order of the configuration
COURTS_MAX = 16

# one record a lock: its coil or motor with its contacts; mechanics.py says what the fields do
ACTUATOR = 1024
ACTUATOR_SIZE = 96
ACTUATORS_MAX = 16
ACTUATOR_FIELDS = {
    "since_us": (0, "Q"),  # until when everything below is settled
    "total_us": (8, "Q"),  # energised
    "position_us": (16, "I"),  # of a motor's bolt, as its way from `locked`
    "heat_us": (20, "I"),
    "run_us": (24, "I"),  # length of the newest pulse
    "longest_us": (28, "I"),
    "pulses": (32, "I"),
    "limit_us": (36, "I"),  # longest pulse that the coil is made for
    "duty_us": (40, "I"),  # energised time in each `window_us`
    "window_us": (44, "I"),
    "travel_us": (48, "I"),  # of a motor from end to end; 0: a strike
    "jam_us": (52, "I"),  # what is in the bolt's way lies here
    "settles": (56, "I"),  # odd while the record is being written
    "gate": (64, "B"),  # GPIO that is timed by the RMT
    "select": (65, "B"),  # expander pin that must be high as well, or NO_PIN
    "direction": (66, "B"),
    "lock_level": (67, "B"),  # of the direction pin
    "locked_pin": (68, "B"),  # end switch; of a strike: the latch contact
    "locked_active": (69, "B"),
    "unlocked_pin": (70, "B"),
    "unlocked_active": (71, "B"),
    "door_pin": (72, "B"),
    "door_closed": (73, "B"),
    "was_on": (74, "B"),  # energised at `since_us`
    "jammed": (75, "B"),
    "burnt": (76, "B"),
    "lost": (77, "B"),  # the latch does not hold
    "released": (78, "B"),  # by hand, from inside
}

# one record a GPIO: what its RMT channel does. Ends at 4096; free from there
RMT = 2560
RMT_SIZE = 24
RMT_FIELDS = {
    "start_us": (0, "Q"),
    "until_us": (8, "Q"),
    "idle": (16, "B"),
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
    "radio_starts": (7580, "I"),  # how often the radio was switched on
    "edges_seen": (7584, "I"),  # of `edges`, as far as the board has looked
    "ssid_crc": (7588, "I"),  # CRC-32 of the access point's name; 0: it has any
}
FIELDS.update(_POWER_FIELDS)

ANALOG_UV = 7168  # one "I" a pin: the voltage at an analog input
RTC_MEMORY = 5120
RTC_MEMORY_SIZE = 2048
