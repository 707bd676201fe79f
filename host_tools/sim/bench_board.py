"""One board on the workbench.

    python -m host_tools.sim.bench_board --config C.json [--secrets S.json] --dir DIR

Boots a firmware folder and shows its console until Ctrl-C. Type on stdin what would be `sim set`:
`door-1 pull`, `wifi down`, and besides `cut`, `boot`, `show`. Needs no site file and no broker of its own.
"""

import argparse
import json
import select
import sys
from pathlib import Path

from host_tools.build.firmware import FIRMWARE, build_firmware
from host_tools.errors import ToolError
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost

TAIL_MS = 50


def obey(board: SimBoard, line: str) -> None:
    words = line.split()
    if words == ["cut"]:
        print("# cut", board.cut())
    elif words == ["boot"]:
        print("# boot", board.boot())
    elif words == ["show"]:
        print("#", json.dumps(board.show()))
    elif len(words) == 2:
        print("#", json.dumps(board.set(*words)))
    elif words:
        print("# cut | boot | show | COMPONENT VALUE")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--firmware", type=Path, default=FIRMWARE)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--secrets", type=Path)
    parser.add_argument("--dir", type=Path, required=True, help="the board's folder; kept between runs")
    options = parser.parse_args()
    config = json.loads(options.config.read_text())
    secrets = json.loads(options.secrets.read_text()) if options.secrets else {}
    with ZygoteHost() as zygote:
        board = SimBoard(options.dir.resolve(), zygote)
        board.create(config, secrets, Template(build_firmware(options.firmware)))
        shown = len(board.log())
        print("# pid", board.boot())
        poll = select.poll()
        poll.register(sys.stdin, select.POLLIN)
        while True:
            ready = poll.poll(TAIL_MS)
            console = board.log()
            sys.stdout.write(console[shown:])
            sys.stdout.flush()
            shown = len(console)
            for event in zygote.events():
                print("#", json.dumps(event))
            if ready:
                line = sys.stdin.readline()
                if not line:
                    return
                try:
                    obey(board, line)
                except ToolError as e:
                    print("#", e.message)


if __name__ == "__main__":
    main()
