"""What tests of the desk share: its parts are real but for the lock, the clock is set by hand."""

from sportbox.access import Desk
from sportbox.core.clock import Clock
from sportbox.store import replay
from sportbox.store.replay import ReplayLog

from tests.core import tokens
from tests.core.tokens import NONCE, NOW, claims, header
from tests.firmware import scratch

NOW_MS = 5000
OPS = header(kid="ops-1")
RESET = {"act": "configure", "args": {"reset": "replay_log"}, "cmp": None}


class DeskCase:
    """To be mixed into a TestCase. The lock is played: `refusal` is its answer, `runs` what it was told.
    `kept` is how many events are on flash."""

    kept = 0

    def setUp(self):
        self.folder = scratch.folder(self)
        self.flash = scratch.Flash(self, replay)
        self.clock = Clock()
        self.clock.set_ntp(NOW, NOW_MS)
        self.boot()

    def boot(self):
        """A boot: what is in RAM is gone."""
        self.refusal = ""
        self.runs, self.events, self.answers = [], [], []
        self.owed, self.configured, self.rooms = [], [], []
        self.log = ReplayLog(self.folder)
        self.log.open(self.kept)
        self.desk = Desk(
            tokens.access(),
            self.log,
            self.clock,
            NONCE,
            1536,
            lambda order: self.refusal,
            self.runs.append,
            self.report,
            self.answer,
            self.configured.append,
            lambda: self.rooms.append(1),
            lambda: self.kept + 1,
        )

    def report(self, component, kind, data):
        self.events.append((component, kind, data))
        self.kept += 1

    def answer(self, jti, result, reason, done):
        self.answers.append((jti, result, reason))
        if done is not None:
            self.owed.append(done)

    def send(self, raw=None, retained=False, the_header=None, **changes):
        """Puts a token on `cmd` and returns the answers that it made."""
        before = len(self.answers)
        self.desk.command(raw or tokens.token(claims(**changes), the_header), retained, NOW_MS)
        return self.answers[before:]

    def finish(self, result="done", reason=None):
        """The oldest order that runs comes to its end."""
        self.desk.final(self.runs.pop(0), result, reason)

    def deliver(self):
        """The broker takes the final answers."""
        for done in self.owed:
            done()
        self.owed = []
        self.desk.tidy(NOW_MS)
