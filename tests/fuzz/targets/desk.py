"""Orders as they come on `cmd`, to the desk with its replay log on flash. Input as in token.py; an upper-case
letter in front (`R` for retained) makes it come as one.

What is opened was signed with a key that may, is used up on flash before, and is never opened a second time,
also not after a restart. Everything gets one answer.
"""

from sportbox.access import Desk
from sportbox.core.clock import Clock
from sportbox.core.token import hmac_sha256
from sportbox.store.opening import settle
from sportbox.store.replay import ReplayLog

from tests.core import tokens
from tests.core.tokens import NONCE, NOW, SECRETS, b64url
from tests.fuzz import place
from tests.fuzz.targets import token

SEEDS = token.SEEDS + [
    b"R" + token.SEEDS[0],
    b"o" + token.text(act="configure", args={"reset": "clock"}, nonce=NONCE, cmp=None),
    b"o" + token.text(act="configure", args={"renew": {"part": 0, "of": 2}}, nonce=NONCE, cmp=None),
]
NOW_MS = 5000
PAYLOAD_MAX = 1536


class Board:
    """From one start to the next; `runs` are the orders that were carried out."""

    def __init__(self, folder):
        self.runs, self.answers = [], []
        clock = Clock()
        clock.set_ntp(NOW, NOW_MS)
        self.log = ReplayLog(folder)
        self.log.open()
        assert self.log.readable
        self.desk = Desk(
            tokens.access(),
            self.log,
            clock,
            NONCE,
            PAYLOAD_MAX,
            lambda order: "",
            self.runs.append,
            lambda component, kind, data: None,
            lambda jti, result, reason, done: self.answers.append((jti, result, reason)),
            lambda what: None,
            lambda: None,
            lambda: 1,
        )


def one(data):
    retained = data[:1] == b"R"
    raw, _ = token.made(data[1:] if retained else data)
    folder = place.fresh()
    board = Board(folder)
    board.desk.command(raw, retained, NOW_MS)
    assert len(board.answers) == 1, board.answers
    jti, result, reason = board.answers[0]
    assert jti is None or (isinstance(jti, str) and len(jti) <= 64)
    assert len(board.runs) <= 1
    assert (result == "accepted") == (len(board.runs) == 1), board.answers
    if not board.runs:
        assert result == "rejected" and reason
        check_still_opens(Board(folder))
        return
    assert not retained and len(raw) <= PAYLOAD_MAX
    check_signed(raw)
    if board.runs[0].quiet:
        return
    board.desk.command(raw, False, NOW_MS)  # while it runs: the same answer, nothing moves
    assert len(board.runs) == 1 and board.answers[1] == board.answers[0]
    after = Board(folder)
    settle(after.desk)
    after.desk.command(raw, False, NOW_MS)
    assert not after.runs and after.answers[-1][1] == "rejected", "opened again after a restart"
    check_still_opens(after)


def check_signed(raw):
    signed, _, mac = raw.rpartition(b".")
    assert mac in [b64url(hmac_sha256(secret, signed)) for secret in SECRETS.values()], "not signed"


def check_still_opens(board):
    board.runs.clear()
    board.desk.command(tokens.token(tokens.claims(jti="good one, afterwards")), False, NOW_MS)
    assert len(board.runs) == 1, board.answers
