"""What a rollout is made of: its parameters, and one row a board. All of it is on disk (store.py).

waiting -> ordered -> pulling -> trying -> soaking -> done
             |           |          |         |
             +-----------+----------+---------+--> failed, or refused
away: not there when it was its turn, or not ready; its turn comes again.   left: nobody asks it any more
"""

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal["running", "paused", "aborting", "stopped", "aborted", "over"]
"""Of a rollout. `running` and `aborting` want a process; `stopped`: too many boards failed; `over`: each
board has come to an end, or is away."""
BoardState = Literal[
    "waiting", "ordered", "pulling", "trying", "soaking", "done", "failed", "refused", "away", "left"
]
BOARD_STATES: tuple[BoardState, ...] = get_args(BoardState)
UNDER_WAY: frozenset[BoardState] = frozenset({"ordered", "pulling", "trying", "soaking"})
PULLING: frozenset[BoardState] = frozenset({"ordered", "pulling"})
"""Those that are sent blocks, or soon will be: their number is bounded."""
ENDED: frozenset[BoardState] = frozenset({"done", "failed", "refused", "left"})
UNFINISHED: frozenset[State] = frozenset({"running", "paused", "aborting"})

CANARY = 0
"""The number of the first wave."""


@dataclass(frozen=True)
class Settings:
    """How a rollout goes on; kept with it."""

    canary: int = 1
    waves: tuple[str, ...] = ("10%", "50%", "100%")
    max_failures: int = 0  # after the canaries, of which none may fail
    down: bool = False  # boards may go back to an older version
    soak_s: int = 60
    board_s: int = 1_800
    wait_s: int = 60  # for boards that are away, once all others have come to an end
    parallel: int = 16


@dataclass(frozen=True)
class Rollout:
    """`why` it stopped."""

    id: int
    sha256: str
    size: int
    version: str
    path: str
    settings: Settings
    state: State
    why: str | None
    begun_s: int
    changed_s: int


@dataclass(frozen=True)
class Row:
    """One board. `jti`: of the order that it got last, at `ordered_s`; `was`: the firmware that it had;
    `orders`: how many it got."""

    device: str
    wave: int
    state: BoardState = "waiting"
    jti: str | None = None
    reason: str | None = None
    was: str | None = None
    orders: int = 0
    ordered_s: int | None = None
    ended_s: int | None = None

    @property
    def has_failed(self) -> bool:
        """Whether it counts against the limit: not those that are refused before anything is sent."""
        return self.state == "failed" or (self.state == "refused" and self.orders > 0)


@dataclass(frozen=True)
class Limits:
    """Seconds, and how often."""

    answer_s: float = 10.0  # before a token is sent once more
    again_s: float = 1.0  # before it is sent once more where the connection was made again
    silent_s: float = 30.0  # before a board under way is asked what has become of it
    busy_s: float = 5.0  # before one that was busy is asked again, at first
    busy_max_s: float = 60.0
    clock_s: float = 2.0  # for the new nonce of a board that has restarted
    gone_s: float = 30.0  # without connection, before an order that nobody answered is taken back
    abort_s: float = 60.0  # for the answer to an abort
    info_s: float = 15.0  # for `info` to show the version, after a board has said that it is done
    orders: int = 4  # to one board
    nonces: int = 10


@dataclass(frozen=True)
class Target:
    """What every board is to have."""

    sha256: str
    size: int
    version: str
