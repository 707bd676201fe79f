"""A board in a storm: the lives of its VM one after the other, its supply, its flash, and the world around
it.

The VM and this process stand still in turns. `run_until` answers what the VM asks; while it sleeps, the
agenda goes on to the next thing that happens, and what that changes for the board wakes it.
"""

import mmap
import os
import signal
from pathlib import Path

from host_tools.sim import layout
from host_tools.sim.rules import BoardWorld
from host_tools.sim.world import FLASH_FILE, LOG_FILE
from host_tools.storm.agenda import Agenda, Ticket
from host_tools.storm.machine import fence, leaping, life, lockstep
from host_tools.storm.machine.body import Body
from host_tools.storm.machine.clocks import clocks_of_this_process
from host_tools.storm.machine.image import Image
from host_tools.storm.machine.life import Birth
from host_tools.storm.machine.lockstep import (
    CLOSE,
    CONNECT,
    IDLE,
    LEAP,
    LEAVE,
    OPEN,
    PAUSE,
    SEND,
    Frame,
    Line,
    News,
)
from host_tools.storm.machine.silence import Hangs, Stalled
from host_tools.storm.machine.surface import Coil, StormWorld
from host_tools.storm.network.net import Net
from host_tools.storm.trace import Trace

RESET_US = 300_000  # until the code of a chip that was reset runs
CUT_OFF_US = 5_000_000
HANGS_MAX = 10
"""So many lives that hang since it got power, as rotten code may make them: it is left alone until its power
goes and comes, for a hang costs real time."""
LAST_BYTES = 4096  # of the console that are looked at when a life ends
TOLD = ("Traceback", "sportbox:", "MemoryError", "--- the VM")


class Board(Body):
    def __init__(
        self,
        agenda: Agenda,
        trace: Trace,
        net: Net,
        view: BoardWorld,
        folder: Path,
        shims: Path,
        seed: str,
        leaps: bool = True,
        image: Image | None = None,
        imports: str = "",
    ) -> None:
        """`image`: of which lives are forked; `imports`: as of a Birth."""
        assert isinstance(view.world, StormWorld)
        super().__init__(agenda, trace, view.world, folder, seed)
        view.world.net = net
        net.has_address, net.carries = view.world.has_address, view.world.carries
        self._net = net
        self._shims, self._seed, self._leaps = shims, seed, leaps
        self._image, self._imports = image, imports
        self._pid = 0
        self._line: Line | None = None
        self._held: Frame | None = None  # asked, and not answered yet
        self._next_boot: Ticket | None = None
        self._asleep = False
        self._console_at = 0
        self._hangs_count = 0
        self.is_on = False
        self.boots = 0
        self.lives = 0
        self.warm_lives = 0  # of them, those that were forked from the image
        self.frames = 0
        self._coils = [Coil(self._world, view, name) for name in view.names("lock")]

    # ---- supply

    def restore(self) -> None:
        """Power comes (back)."""
        if not self.is_on:
            self.is_on = True
            self._trace.note("power", what="on")
            self._start(layout.PWRON_RESET)

    def cut(self) -> None:
        if self.is_on:
            self._trace.note("power", what="cut")
            self._off()

    def brownout(self) -> None:
        if self.is_on:
            self._trace.note("power", what="brownout")
            self._off()
            self.is_on = True
            self._start(layout.BROWNOUT)

    def cut_at_op(self, n: int) -> None:
        """In the middle of the n-th flash operation from now; then it is off for a while. 0: not any more."""
        self._world.put("cut_at_op", n)

    def _off(self) -> None:
        self.is_on = False
        self._agenda.cancel(self._next_boot)
        self._kill()
        self._asleep = False
        self._hangs_count = 0
        self._world.power_off()

    def end(self) -> None:
        """Of the run: no process is left."""
        self._agenda.cancel(self._next_boot)
        self._kill()

    # ---- lives

    def _start(self, cause: int) -> None:
        """When the chip's own start is over."""
        self._next_boot = self._agenda.after(RESET_US, lambda: self._boot(cause))

    def _boot(self, cause: int) -> None:
        self._world.prepare_boot(cause)
        self._asleep = False
        self.lives += 1
        if cause != layout.DEEPSLEEP_RESET:
            self.boots += 1
        self._trace.note("boot", n=self.lives, cause=cause)
        birth = Birth(
            self._folder,
            self._shims,
            clocks_of_this_process(),
            now_us=self._agenda.now_us,
            horizon_us=self._horizon_us(),
            number=self.lives,
            seed=self._seed,
            leaps=self._leaps,
            imports=self._imports,
        )
        image = self._image if self._has_shipped_code() else None
        pid, end = life.begin(birth) if image is None else image.begin(birth)
        self.warm_lives += image is not None
        self._pid, self._line = pid, Line(end, pid)
        self._world.put("pid", pid)
        self._foreign_is_told = self._foreign is None

    def _has_shipped_code(self) -> bool:
        """As far as a boot of the image does not read it."""
        if self._image is None or self._root_is_rotten:
            return False
        with (
            (self._folder / FLASH_FILE).open("rb") as file,
            mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as flash,
        ):
            return self._image.fits(flash)

    def _kill(self) -> int:
        """The VM is gone; the status with which it ended."""
        if not self._pid:
            return 0
        pid, line, self._pid, self._line, self._held = self._pid, self._line, 0, None, None
        os.kill(pid, signal.SIGKILL)  # one that has ended by itself was not waited for yet
        _, status = os.waitpid(pid, 0)
        self._check(status)
        if line is not None:
            line.close()  # not before: it would say that it lost its other end
        self._net.board_died()
        self._say_console()
        return status

    def _check(self, status: int) -> None:
        """Raises Stalled."""
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == fence.ENDED_BY:
            raise Stalled(f"the VM would wait in real time or reach the real world{self._last_words()}")
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == life.NOT_BORN:
            raise Stalled(f"the VM did not start{self._last_words()}")

    def _last_words(self) -> str:
        lines = (self._folder / LOG_FILE).read_bytes()[-LAST_BYTES:].decode("utf-8", "replace").splitlines()
        return f"; last on its console: {lines[-1]}" if lines else ""

    def _ended(self, cause: int = 0) -> None:
        """By itself, or bitten by its watchdog (`cause`)."""
        status = self._kill()
        self._agenda.run_until(clocks_of_this_process().now_us())  # it was a little ahead
        if not self.is_on:
            return
        world = self._world
        request = cause or world.get("exit_request")
        if request == layout.EXIT_CUT:
            self._trace.note("power", what="cut_at_op")
            self._off()
            self._agenda.after(CUT_OFF_US, self.restore)
            return
        self._trace.note("died", cause=request, status=status)
        world.release_outputs()
        world.put("pid", 0)
        if request == layout.DEEPSLEEP_RESET:
            world.put("wdt_deadline_us", 0)
            world.put("asleep", 1)
            self._asleep = True
            until_us = world.get("sleep_until_us")
            if until_us:
                self._agenda.at(until_us, lambda: None)
        elif request:
            self._start(request)
        else:
            world.put("halted", 1)

    def _wake(self) -> None:
        reason, pins = self._world.wake_cause()
        if reason and self._next_boot_is_over():
            self._asleep = False
            self._world.put("asleep", 0)
            self._world.put("wake_reason", reason)
            self._world.put("woken_pins", pins)
            self._start(layout.DEEPSLEEP_RESET)

    def _next_boot_is_over(self) -> bool:
        return self._next_boot is None or self._next_boot.act is None

    def _say_console(self) -> None:
        path = self._folder / LOG_FILE
        size = path.stat().st_size if path.exists() else 0
        with path.open("rb") as file:
            file.seek(max(self._console_at, size - LAST_BYTES))
            text = file.read().decode("utf-8", "replace")
        self._console_at = size
        for line in text.splitlines():
            if line.startswith(TOLD):
                self._trace.note("console", text=line)

    # ---- lockstep

    def run_until(self, end_us: int) -> None:
        """The board stands still when it is then."""
        self._go_on_until(end_us)
        if self._line is not None and self._held is None:
            self._held = self._ask(self._line)

    def _go_on_until(self, end_us: int) -> None:
        agenda = self._agenda
        while agenda.now_us < end_us:
            if self._line is not None:
                self._serve(self._line, end_us)
                continue
            if self._asleep:
                self._wake()
            due_us = agenda.next_us()
            if due_us is None or due_us > end_us:
                agenda.run_until(end_us)
                return
            agenda.step()

    def _serve(self, line: Line, end_us: int) -> None:
        """One question of the board."""
        frame, self._held = self._held or self._ask(line), None
        if frame is None:
            return
        self._see_pulses(frame.now_us)
        self._agenda.run_until(frame.now_us)  # what came while it worked
        if self._line is not line:
            return
        result = 0
        if frame.what == LEAP:
            frame, result = leaping.leapt(self._net, self._agenda, frame, end_us)
        if frame.what in (IDLE, PAUSE):
            if not self._sleep(line, frame, end_us):
                return
        else:
            result = self._network(frame)
        rings, self._world.rang = self._world.rang, False
        news = self._news(frame.what)
        line.answer(self._agenda.now_us, self._horizon_us(), result, news, rings)

    def _ask(self, line: Line) -> Frame | None:
        """What it wants next; None: this life is over."""
        try:
            frame = line.ask()
        except Hangs:
            self._hangs()
            return None
        self.frames += 1
        if frame is None or frame.what == LEAVE:
            self._ended()
            return None
        return frame

    def _sleep(self, line: Line, frame: Frame, end_us: int) -> bool:
        """Until the board has something to do; False: this life is over."""
        agenda, world = self._agenda, self._world
        is_deaf = frame.what == PAUSE
        while is_deaf or not (self._net.has_news() or world.rang or not self._foreign_is_told):
            due_us, bite_us = agenda.next_us(), world.get("wdt_deadline_us")
            next_us = frame.until_us if due_us is None else min(frame.until_us, due_us)
            if bite_us and bite_us < next_us:
                agenda.run_until(bite_us)
                self._ended(layout.WDT_RESET)
                return False
            if due_us is None or due_us > frame.until_us:
                agenda.run_until(frame.until_us)
                return True
            agenda.step()
            if self._line is not line:
                return False
        return True

    def _network(self, frame: Frame) -> int:
        net = self._net
        if frame.what == OPEN:
            net.open(frame.sock, bool(frame.until_us))
        elif frame.what == CONNECT:
            host, _, port = frame.data.decode().rpartition(":")
            net.connect(frame.sock, host, int(port))
        elif frame.what == SEND:
            return net.send(frame.sock, frame.data)
        elif frame.what == CLOSE:
            net.close(frame.sock)
        return 0

    def _news(self, what: int) -> list[News]:
        news = lockstep.cut_up(self._net.take()) if what != PAUSE else []
        if not self._foreign_is_told and what == IDLE and self._foreign is not None:
            news.append((self._foreign, "foreign", b""))
            self._foreign_is_told = True
        return news

    def _horizon_us(self) -> int:
        """Until then nothing happens outside."""
        due_us = self._agenda.next_us()
        return lockstep.FOREVER_US if due_us is None else due_us

    def _hangs(self) -> None:
        bite_us = self._world.get("wdt_deadline_us")
        self._hangs_count += 1
        if not bite_us or self._hangs_count >= HANGS_MAX:
            self._trace.note("hang", watchdog=bool(bite_us))
            self._kill()
            self._world.put("halted", 1)
            return
        self._agenda.run_until(bite_us)
        if self._line is not None:
            self._ended(layout.WDT_RESET)

    def _see_pulses(self, now_us: int) -> None:
        """Each when it begins, and once more if it ends before its time."""
        page = self._world
        for coil in self._coils:
            found = coil.channel.start_us, coil.channel.until_us
            if found == coil.known:
                continue
            start_us, until_us = coil.known
            ended_us = found[1] if found[0] == found[1] > start_us else now_us  # the VM says when it ended it
            if coil.was_told and start_us < ended_us < until_us:
                self._trace.note("pulse", lock=coil.name, start_us=start_us, until_us=ended_us)
            coil.known = found
            coil.was_told = found[1] > found[0] and page.is_selected(coil.record)
            if coil.was_told:
                self._trace.note("pulse", lock=coil.name, start_us=found[0], until_us=found[1])
