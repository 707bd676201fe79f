"""The physical world of one simulated board, seen from the host: the page of layout.py and its few laws (pins
and actuators: pins.py).

There is no daemon: any process maps the page, changes it, and rings the board's doorbell (a FIFO in the
board's folder). A board that is off simply finds the world as it is when it boots.
"""

import hashlib
import mmap
import os
import struct
from pathlib import Path

from host_tools.sim import layout
from host_tools.sim.pins import WORLD_FILE, Pins
from host_tools.sim.times import now_us, wall_ns

EPOCH_2000_NS = 946_684_800 * 1_000_000_000
FLASH_FILE = "flash.bin"
LOG_FILE = "log.txt"
FIFO_FILE = "irq"
RSSI_DBM = -58
TEMPERATURE_C = 24
LONG_US = 60_000_000
SOFTWARE_RESETS = {"esp32c3": 3}  # what the chip calls a reset by its software; the two-core ones: 12
PREFIX_MAC = bytes.fromhex("24dcc3")  # a range of Espressif's


class World(Pins):
    """One board's page with power, clock, Wi-Fi and doorbell."""

    @classmethod
    def create(cls, folder: Path, mac: bytes) -> "World":
        """A new world: doors not known yet, Wi-Fi and time server up, a clock that was never set."""
        page = bytearray(layout.SIZE)
        struct.pack_into("I", page, layout.FIELDS["magic"][0], layout.MAGIC)
        page[layout.IN_LEVEL : layout.IN_LEVEL + layout.PINS] = bytes([layout.FLOATING]) * layout.PINS
        page[layout.TRUE_LEVEL : layout.TRUE_LEVEL + layout.PINS] = bytes([layout.FLOATING]) * layout.PINS
        (folder / WORLD_FILE).write_bytes(page)
        fifo = folder / FIFO_FILE
        if not fifo.exists():
            os.mkfifo(fifo, 0o600)
        world = cls(folder)
        world.put("wifi_up", 1)
        world.put("rssi_dbm", RSSI_DBM)
        world.put("time_server_up", 1)
        world.put("temperature_c", TEMPERATURE_C)
        world.put("mac_high", int.from_bytes(mac[:3], "big"))
        world.put("mac_low", int.from_bytes(mac[3:], "big"))
        for name in ("i2c_sda", "i2c_scl", "expander_interrupt"):
            world.put(name, layout.NO_PIN)
        world.reset_expander()
        world.reset_rtc_chip()
        return world

    def close(self) -> None:
        self._page.close()

    def keep_out_of_children(self) -> None:
        """Do not copy this mapping into forked processes (the zygote holds one a board)."""
        if hasattr(mmap, "MADV_DONTFORK"):
            self._page.madvise(mmap.MADV_DONTFORK)

    # --- power ---

    def release_outputs(self) -> None:
        """Reset or loss of power: pins float, pulses end. What ran is accounted for."""
        now = now_us()
        for total, since in (("awake_us", "awake_since_us"), ("radio_us", "radio_since_us")):
            begin = self.get(since)
            if begin:
                self.put(total, self.get(total) + now - begin)
                self.put(since, 0)
        for number in range(self.get("actuators")):
            self.settle(number)
        for pin, channel in enumerate(self._channels()):
            if any(channel):
                self._channel(pin).put(start_us=0, until_us=0)
        for array in (layout.OUT_KIND, layout.OUT_LEVEL, layout.PULL):
            self._page[array : array + layout.GPIOS] = bytes(layout.GPIOS)

    def _channels(self) -> list[bytes]:
        size = layout.RMT_SIZE
        all_of_them = self._page[layout.RMT : layout.RMT + layout.GPIOS * size]
        return [all_of_them[at : at + size] for at in range(0, len(all_of_them), size)]

    def reset_expander(self) -> None:
        """Its power-on values: all inputs, nothing inverted, no pull-ups (Microchip DS20001952, table
        3-1)."""
        for number in range(self.get("actuators")):
            self.settle(number)
        registers = bytes((0xFF, 0xFF)) + bytes(layout.EXPANDER_SIZE - 2)
        self._page[layout.EXPANDER : layout.EXPANDER + layout.EXPANDER_SIZE] = registers
        for array in (layout.OUT_KIND, layout.OUT_LEVEL, layout.PULL):
            self._page[array + layout.GPIOS : array + layout.PINS] = bytes(layout.PINS - layout.GPIOS)

    def reset_rtc_chip(self) -> None:
        """A DS3231 whose cell was empty: it starts in 2000, and OSF says so (Maxim 19-5170, power-on
        values)."""
        registers = bytearray(layout.RTC_CHIP_SIZE)
        registers[0x0E], registers[0x0F] = 0x1C, 0x88
        self._page[layout.RTC_CHIP : layout.RTC_CHIP + layout.RTC_CHIP_SIZE] = registers
        self.put("rtc_chip_offset_ns", EPOCH_2000_NS - wall_ns())

    def rtc_chip_unix_s(self) -> int | None:
        """The time of the clock chip; None while it says itself that it is wrong."""
        if self._page[layout.RTC_CHIP + 0x0F] & 0x80:
            return None
        return (wall_ns() + self.get("rtc_chip_offset_ns")) // 1_000_000_000

    def power_off(self) -> None:
        """The VM is dead already."""
        self.release_outputs()
        self.reset_expander()
        self.put("power", 0)
        self.put("pid", 0)
        self.put("halted", 0)
        self.put("wdt_deadline_us", 0)
        self.put("asleep", 0)

    def prepare_boot(self, cause: int) -> None:
        """Before a VM starts. Power-on and brownout alone lose the RTC and its memory; a soft reset alone
        keeps the watchdog."""
        self.release_outputs()
        if cause in (layout.PWRON_RESET, layout.BROWNOUT):
            self.lose_clock()
            self.put("rtc_memory_length", 0)
        if cause != layout.SOFT_RESET:
            self.put("wdt_deadline_us", 0)
        if cause != layout.DEEPSLEEP_RESET:
            self.put("wake_reason", 0)
            self.put("woken_pins", 0)
        for name in ("asleep", "ext1_pins", "ext1_level", "gpio_pins", "gpio_level", "sleep_until_us"):
            self.put(name, 0)
        self._explain_reset(cause)
        self.put("awake_since_us", now_us())
        self.put("starts", self.get("starts") + 1)
        self.put("exit_request", layout.EXIT_NONE)
        self.put("halted", 0)
        self.put("boot_count", self.get("boot_count") + 1)
        self.put("power", 1)

    def _explain_reset(self, cause: int) -> None:
        """What machine.reset_cause() and the chip's register say. MicroPython calls a brownout a power-on;
        the register tells (on the first ESP32 a reset by software, for there ESP-IDF's interrupt does it)."""
        chip = layout.CHIPS[self.get("chip")]
        software = SOFTWARE_RESETS.get(chip, 12)
        state = {layout.PWRON_RESET: 1, layout.DEEPSLEEP_RESET: 5, layout.BROWNOUT: layout.BROWNOUT}
        if cause == layout.BROWNOUT and chip == "esp32":
            self.put("reset_state", software)
        elif cause != layout.SOFT_RESET:  # that one is the interpreter's alone
            self.put("reset_state", state.get(cause, software))
        self.put("reset_cause", layout.PWRON_RESET if cause == layout.BROWNOUT else cause)

    # --- sleep and supply ---

    def wake_cause(self) -> tuple[int, int]:
        """Why a sleeping board wakes now, as machine.wake_reason() gives it, and the pins; 0: it sleeps."""
        for kind, reason in (("ext1", layout.EXT1_WAKE), ("gpio", layout.GPIO_WAKE)):
            mask, level = self.get(f"{kind}_pins"), self.get(f"{kind}_level")
            pins = [pin for pin in range(layout.GPIOS) if mask >> pin & 1]
            there = [pin for pin in pins if int(self.input_level(pin) == layout.HIGH) == level]
            if there and (level == layout.HIGH or kind == "gpio" or there == pins):
                return reason, sum(1 << pin for pin in there)
        until_us = self.get("sleep_until_us")
        return (layout.TIMER_WAKE, 0) if until_us and now_us() >= until_us else (0, 0)

    def has_noticed_motion(self) -> bool:
        """In deep sleep, and a motion sensor does not wake it now: what it saw is enough for a while."""
        return bool(self.get("asleep")) and not self.get("gpio_pins") | self.get("ext1_pins")

    def has_settled(self) -> bool:
        """In deep sleep until something moves, or for long."""
        armed = self.get("gpio_pins") | self.get("ext1_pins")
        return bool(self.get("asleep") and armed) and self.get("sleep_until_us") > now_us() + LONG_US

    def set_analog(self, pin: int, microvolts: int) -> None:
        struct.pack_into("I", self._page, layout.ANALOG_UV + 4 * pin, microvolts)

    def awake_ms(self) -> int:
        """How long the board ran so far, over its life."""
        return self._lasted_ms("awake")

    def radio_ms(self) -> int:
        """How long its radio was on so far, over its life."""
        return self._lasted_ms("radio")

    def _lasted_ms(self, what: str) -> int:
        since = self.get(f"{what}_since_us")
        return (self.get(f"{what}_us") + (now_us() - since if since else 0)) // 1000

    def has_power(self) -> bool:
        """Power is on and the VM lives (a killed `sim up` takes its boards along without a word)."""
        pid = self.get("pid")
        if not self.get("power"):
            return False
        if self.get("halted") or not pid:
            return True
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True

    def is_watchdog_due(self) -> bool:
        deadline_us = self.get("wdt_deadline_us")
        return deadline_us != 0 and now_us() > deadline_us

    # --- clock, Wi-Fi, doorbell ---

    def lose_clock(self) -> None:
        """The RTC jumps to where it is after power-on, 2000-01-01."""
        self.put("rtc_offset_ns", EPOCH_2000_NS - wall_ns())

    def rtc_unix_s(self) -> int:
        return (wall_ns() + self.get("rtc_offset_ns")) // 1_000_000_000

    def set_wifi(self, up: bool) -> None:
        if up != bool(self.get("wifi_up")):
            self.put("wifi_changed_us", now_us())
        self.put("wifi_up", int(up))

    def set_wifi_fault(self, fault: str) -> None:
        """One of layout.WIFI_FAULTS. After it the station joins as when the access point is back."""
        if fault == layout.WIFI_FAULTS[self.get("wifi_fault")]:
            return
        self.put("wifi_changed_us", now_us())
        self.put("wifi_fault", layout.WIFI_FAULTS.index(fault))

    def ring(self) -> bool:
        """Wake the board, so that it looks at its pins. False: it is off."""
        try:
            fd = os.open(self.folder / FIFO_FILE, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads: the board is off
            return False
        try:
            os.write(fd, b"!")
        except BlockingIOError:  # full: it has more than enough to wake up for
            return True
        finally:
            os.close(fd)
        return True


def mac_of(site: str, board: str) -> bytes:
    """The same board of the same site has the same MAC wherever it is simulated."""
    return PREFIX_MAC + hashlib.sha256(f"{site}/{board}".encode()).digest()[:3]
