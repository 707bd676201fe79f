"""Allocations that fail on virtual time: which ones hangs on their size and a seed alone."""

import json
import subprocess
import sys

from host_tools.setup.paths import REPOSITORY
from host_tools.storm.machine.denial import ALWAYS, NEVER

LEAST = 5000
VM = """
import gc, json
failed = []
for size in range(4000, 6000, 10):
    try:
        bytearray(size)
    except MemoryError:
        failed.append(size)
there = len(b"x" * 100 + b"y" * 400)
print(json.dumps({"failed": failed, "there": there}))
"""
HOST = """
import sys
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.machine.clocks import clocks_of_this_process
least, share, seed = map(int, sys.argv[1:4])
clocks = clocks_of_this_process()
clocks.begin(BEGIN_US, BEGIN_US, 1, False)
clocks.denial.set(least, share, seed)
from host_tools.sim.vm_process import run_vm
run_vm(["micropython", "-c", sys.argv[4]])
"""


def failed(share: int, seed: int = 1) -> list[int]:
    command = [sys.executable, "-c", HOST, str(LEAST), str(share), str(seed), VM]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    found = json.loads(done.stdout)
    assert found["there"] == 500
    sizes: list[int] = found["failed"]
    return sizes


def test_all_of_that_size_or_none() -> None:
    assert failed(NEVER) == []
    assert failed(ALWAYS) == list(range(LEAST, 6000, 10))


def test_a_share_of_them_by_chance_and_the_same_each_time() -> None:
    half = failed(ALWAYS // 2)
    assert half == failed(ALWAYS // 2) != failed(ALWAYS // 2, seed=2)
    assert min(half) >= LEAST and 30 <= len(half) <= 70
