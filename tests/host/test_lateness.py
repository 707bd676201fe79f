"""tests/lateness.py: what a machine that stands still takes away is given back, and nothing else is."""

import os
import signal
import subprocess
import sys
import time

from host_tools.setup.paths import REPOSITORY
from tests.brokers import wait_until
from tests.lateness import Patience, late_s, worst_late_s

STOOD_S = 0.5
CHILD = """
import time
from tests.lateness import Patience, late_s, worst_late_s
patience = Patience(0.3)
began_s = time.monotonic()
print("ready", flush=True)
while time.monotonic() - began_s < 0.5:
    time.sleep(0.01)
ended_s = time.monotonic()
print(late_s(began_s), worst_late_s(began_s, ended_s), patience.is_over())
while not patience.is_over():
    time.sleep(0.01)
print("over")
"""


def test_a_process_that_was_stopped_is_not_to_blame() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD],
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGSTOP)
        time.sleep(STOOD_S)  # this is the fault itself
        child.send_signal(signal.SIGCONT)
        total, worst, is_over = child.stdout.readline().split()
        assert float(total) >= float(worst) > STOOD_S - 0.1
        assert is_over == "False"
        assert child.stdout.readline() == "over\n"


def test_waiting_alone_is_not_late() -> None:
    patience = Patience(0.1)
    began_s = time.monotonic()
    wait_until(patience.is_over, "the end of a patience")
    took_s = time.monotonic() - began_s
    assert took_s - late_s(began_s) < 0.2
    assert worst_late_s(began_s, time.monotonic()) <= late_s(began_s)
