"""The loader of a simulated chip: the ROM's, and the flasher stub once it was uploaded. No I/O of its own.

The stub's code is not run: whatever is uploaded and started within what was uploaded is taken for it, and
from then on its protocol is spoken. Sources: Espressif's esptool documentation, "Serial Protocol" and
"Flasher Stub"; what esptool 5 sends and expects.
"""

import struct
from collections import deque
from collections.abc import Callable
from enum import StrEnum

from host_tools.sim.chip.flash import MIB, ChipReset, Flash
from host_tools.sim.chip.protocol import (
    BAD_LENGTH,
    FAILED,
    HEADER,
    INVALID,
    REQUEST,
    RESPONSE,
    ROM_ALONE,
    STUB_ALONE,
    CommandError,
    Op,
    block,
    words,
)
from host_tools.sim.chip.reading import Reading
from host_tools.sim.chip.registers import Registers
from host_tools.sim.chip.slip import Decoder, encode
from host_tools.sim.chip.storage import OPERATIONS, STUB_BLOCK_BYTES_MAX, Storage
from host_tools.sim.chip.targets import target

BAUD = 115_200
BAUD_MAX = 5_000_000
SYNC_REPLIES = 8
SYNC_BYTES = b"\x07\x07\x12\x20" + 32 * b"\x55"
ROM_SYNC_VALUE = 0x20120707  # the stub says 0, by which esptool tells that it is running already
STUB_GREETING = b"OHAI"
RAM_BYTES_MAX = 512 * 1024
UPLOADS_MAX = 16  # that are remembered
ANSWER_BYTES_MAX = 256 * 1024  # of one feed: a chip that is busy answering loses what comes meanwhile

Answer = tuple[int, bytes] | None


class Leave(StrEnum):
    """Why the loader ended."""

    BOOT = "boot"  # the program in flash is started
    RESET = "reset"  # the chip resets, and its straps (GPIO0) say what comes next


class Rom:
    """A chip in download mode.

    Feed it what the host sends and send what it returns. After each feed look at `leaving` (the chip is not
    in download mode any more; build a new Rom when it is again) and at `baud` (to be used for what comes
    after the bytes that this feed returned).
    """

    def __init__(self, chip: str, mac: bytes, flash: Flash) -> None:
        """`chip`: esp32, esp32s3 or esp32c3; `mac`: 6 bytes. Raises BadInput for a chip that there is not."""
        if len(mac) != 6:
            raise ValueError(f"a MAC has 6 bytes, not {len(mac)}")
        self.target = target(chip)
        self.mac = mac
        self.flash = flash
        self.leaving: Leave | None = None
        self._slip = Decoder()
        self._handlers: dict[int, Callable[[bytes, int], Answer]] = {
            Op.SYNC: self._sync,
            Op.READ_REG: self._read_reg,
            Op.WRITE_REG: self._write_reg,
            Op.GET_SECURITY_INFO: self._security_info,
            Op.CHANGE_BAUDRATE: self._change_baud,
            Op.SPI_ATTACH: self._attach,
            Op.MEM_BEGIN: self._mem_begin,
            Op.MEM_DATA: self._mem_data,
            Op.MEM_END: self._mem_end,
            Op.FLASH_END: self._flash_end,
            Op.FLASH_DEFL_END: self._flash_end,
            Op.READ_FLASH: self._read_flash,
            Op.RUN_USER_CODE: self._run_user_code,
        }
        self._start(stub=False)

    def _start(self, *, stub: bool) -> None:
        """Begin anew, as the ROM after a reset or as the stub once it runs."""
        if not stub:
            self.baud = BAUD
            self._registers = Registers(self.target, self.mac, self.flash.size // MIB)
        self.stub = stub
        self._storage = Storage(self.flash, self.target.begin_words, stub=stub)
        self._uploads: deque[tuple[int, int]] = deque(maxlen=UPLOADS_MAX)  # address and length in RAM
        self._upload_bytes_left = 0
        self._next_block = 0
        self._reading: Reading | None = None
        self._after = b""  # frames that follow the answer

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the host; the bytes to send back. Never raises for what the host sent."""
        answers = bytearray()
        for frame in self._slip.feed(data):
            if self.leaving is not None or len(answers) > ANSWER_BYTES_MAX:
                break
            try:
                answers += self._frame(frame)
            except ChipReset:  # injected: in the middle of it, without an answer
                self.leaving = Leave.RESET
        return bytes(answers)

    def _frame(self, frame: bytes) -> bytes:
        if self._reading is not None:
            if self._reading.acknowledge(frame):
                return self._blocks()
            self._reading = None  # the host has given up
        if len(frame) < HEADER.size or frame[0] != REQUEST:
            return b""
        _, op, length, checksum = HEADER.unpack_from(frame)
        payload = frame[HEADER.size :]
        self._after = b""
        try:
            if length != len(payload):
                raise CommandError(BAD_LENGTH)
            answer_as_stub = self.stub
            answer = self._answer(op, payload, checksum)
        except CommandError as error:
            return self._packet(op, 0, b"", error.fault.status(stub=self.stub), stub=self.stub)
        if answer is None:
            return b""
        packet = self._packet(op, *answer, b"\0\0", stub=answer_as_stub)
        return packet * (SYNC_REPLIES if op == Op.SYNC else 1) + self._after

    @staticmethod
    def _packet(op: int, value: int, data: bytes, status: bytes, *, stub: bool) -> bytes:
        """A response; the ROM's status has two reserved bytes more than the stub's."""
        data += status if stub else status + b"\0\0"
        return encode(HEADER.pack(RESPONSE, op, len(data), value) + data)

    def _answer(self, op: int, payload: bytes, checksum: int) -> Answer:
        if op in (ROM_ALONE if self.stub else STUB_ALONE):
            raise CommandError(INVALID)
        if op in OPERATIONS:
            return 0, self._storage.run(op, payload, checksum)
        handler = self._handlers.get(op)
        if handler is None:
            raise CommandError(INVALID)
        return handler(payload, checksum)

    def _sync(self, payload: bytes, _: int) -> Answer:
        if payload != SYNC_BYTES:
            raise CommandError(INVALID)
        return 0 if self.stub else ROM_SYNC_VALUE, b""

    def _read_reg(self, payload: bytes, _: int) -> Answer:
        (address,) = words(payload, 1)
        return self._registers.read(address), b""

    def _attach(self, payload: bytes, _: int) -> Answer:
        """Which pins the flash is on; it answers on any."""
        words(payload, 1)
        return 0, b""

    def _write_reg(self, payload: bytes, _: int) -> Answer:
        """Any number of: address, value, mask, delay in microseconds."""
        if not payload or len(payload) % 16:
            raise CommandError(BAD_LENGTH)
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", payload):
            self._registers.write(address, value, mask)
        if self._registers.watchdog_bit:
            self.leaving = Leave.RESET
        return 0, b""

    def _change_baud(self, payload: bytes, _: int) -> Answer:
        """The new rate, and to the stub the old one, too."""
        rate, _old = words(payload, 2)
        if not 0 < rate <= BAUD_MAX:
            raise CommandError(FAILED)
        self.baud = rate
        return 0, b""

    def _security_info(self, _: bytes, __: int) -> Answer:
        """Flags, flash encryption count, purposes of the keys, chip id, version of the interface."""
        if not self.target.has_security_info:
            raise CommandError(INVALID)
        return 0, struct.pack("<IB7sII", 0, 0, b"", self.target.image_chip_id, 0)

    def _mem_begin(self, payload: bytes, _: int) -> Answer:
        """Size, number and size of blocks, address in RAM."""
        size, _blocks, _block_bytes, address = words(payload, 4)
        if size > RAM_BYTES_MAX:
            raise CommandError(FAILED)
        self._uploads.append((address, size))
        self._upload_bytes_left = size
        self._next_block = 0
        return 0, b""

    def _mem_data(self, payload: bytes, checksum: int) -> Answer:
        sequence, data = block(payload, checksum, STUB_BLOCK_BYTES_MAX)
        if sequence != self._next_block or len(data) > self._upload_bytes_left:
            raise CommandError(FAILED)
        self._next_block += 1
        self._upload_bytes_left -= len(data)
        return 0, b""

    def _mem_end(self, payload: bytes, _: int) -> Answer:
        """1 to stay in the loader, and where to start: outside of what was uploaded nothing can run."""
        stay, entry = words(payload, 2)
        if self._upload_bytes_left:
            raise CommandError(FAILED)
        if stay:
            return 0, b""
        if any(address <= entry < address + size for address, size in self._uploads):
            self._start(stub=True)
            self._after = encode(STUB_GREETING)
        else:
            self.leaving = Leave.RESET
        return 0, b""

    def _flash_end(self, payload: bytes, _: int) -> Answer:
        """0 reboots, 1 goes on: the ROM into the program in flash, the stub with the next command.

        A reboot out of the stub ends in the ROM's loader again, for it does not sample the straps anew.
        """
        reboot = self._storage.end(payload)
        if not self.stub:
            self.leaving = Leave.RESET if reboot else Leave.BOOT
        elif reboot:
            self._start(stub=False)
        return 0, b""

    def _run_user_code(self, _: bytes, __: int) -> Answer:
        self.leaving = Leave.BOOT
        return None

    def _read_flash(self, payload: bytes, _: int) -> Answer:
        self._reading = Reading(self.flash, payload)
        self._after = self._blocks()
        return 0, b""

    def _blocks(self) -> bytes:
        reading = self._reading
        if reading is None:
            return b""
        frames = b"".join(map(encode, reading.frames()))
        if reading.done:
            self._reading = None
        return frames
