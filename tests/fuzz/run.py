"""`make fuzz`: the targets under atheris, guided by coverage, one after the other.

    python -m tests.fuzz.run [--seconds N] [TARGET ...]
    python -m tests.fuzz.run --shrink TARGET FILE

What a target learns stays in build/fuzz/TARGET/corpus for the next run. What breaks it is made as small as it
can be and written to tests/fuzz/found/, where it is a test from then on. Exit status 1: something was found.
"""

import argparse
import importlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_tools.setup.paths import REPOSITORY
from tests.fuzz import mutate, shrink
from tests.fuzz.targets import FIRMWARE, HOST

FINDS_MAX = 5
"""Of one target in one run: then it is to be mended first."""
INPUT_S = 20
MEMORY_MB = 2048
INSTRUMENTED = ["sportbox", "umqtt", "host_tools"]
PATHS = (".", "firmware", "firmware/loader", "tests/vm/cpython")
_UNITS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_STATE = re.compile(r"#(\d+)\t.* cov: (\d+) ft: (\d+) corp: (\d+)")
_ARTIFACT = re.compile(r"Test unit written to (\S+)")


@dataclass
class Outcome:
    """What a target has come to."""

    executions: int = 0
    coverage: int = 0
    features: int = 0
    corpus: int = 0
    finds: int = 0

    def take(self, said: str) -> None:
        units = _UNITS.findall(said)
        states = _STATE.findall(said)
        if states:
            _, self.coverage, self.features, self.corpus = map(int, states[-1])
        self.executions += int(units[-1] if units else states[-1][0] if states else 0)


def prepare() -> None:
    """As pytest's settings and conftest.py do it for tests."""
    sys.path[:0] = [str(REPOSITORY / path) for path in PATHS]
    importlib.import_module("tests.fuzz.conftest")


def load(target: str) -> tuple[list[bytes], Callable[[bytes], None]]:
    module = importlib.import_module(f"tests.fuzz.targets.{target}")
    return module.SEEDS, module.one


def fuzz(target: str, options: list[str]) -> None:
    """Within a process of its own: libFuzzer ends it."""
    import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

    with atheris.instrument_imports(include=INSTRUMENTED):
        _, one = load(target)
    atheris.Setup([f"fuzz {target}", *options], one)
    atheris.Fuzz()


def run(target: str, seconds: int) -> Outcome:
    """Until the time is over, or too much was found."""
    folder = REPOSITORY / "build" / "fuzz" / target
    corpus, artifacts = folder / "corpus", folder / "artifacts"
    for path in (corpus, artifacts):
        path.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(load(target)[0]):
        (corpus / f"seed-{number}").write_bytes(seed)
    outcome, end = Outcome(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and outcome.finds < FINDS_MAX:
        options = [
            str(corpus),
            f"-max_total_time={max(1, round(left))}",
            f"-max_len={mutate.INPUT_MAX}",
            f"-timeout={INPUT_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-artifact_prefix={artifacts}/",
            "-print_final_stats=1",
        ]
        command = [sys.executable, "-m", "tests.fuzz.run", "--inside", target, "--", *options]
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False)
        said = done.stderr.decode("utf-8", "replace") + done.stdout.decode("utf-8", "replace")
        (folder / "said.txt").write_text(said, encoding="utf-8")
        outcome.take(said)
        artifact = _ARTIFACT.search(said)
        if artifact is not None:
            outcome.finds += 1
            found = shrink.shrink_file(load(target)[1], target, Path(artifact[1]))
            print(f"{target}: {found}\n{_trace(said)}", flush=True)
        elif done.returncode:
            raise SystemExit(f"error: {target} did not run:\n{said[-2000:]}")
    return outcome


def _trace(said: str) -> str:
    """The Python error among what libFuzzer tells."""
    begin = said.find("=== Uncaught Python exception")
    lines = said[max(0, begin) :].splitlines()
    end = next((at for at, line in enumerate(lines) if at and line.startswith("==")), len(lines))
    return "\n".join(f"    {line}" for line in lines[:end][-12:])


def main() -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description="Coverage-guided fuzzing.")
    parser.add_argument("targets", nargs="*", help=f"[default: all] {' '.join(FIRMWARE + HOST)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target [default: 60]")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--shrink", type=Path, metavar="FILE", help="make an input that breaks TARGET small")
    given = parser.parse_args()
    prepare()
    if given.inside:
        fuzz(given.targets[0], given.targets[1:])
    unknown = [name for name in given.targets if name not in FIRMWARE + HOST]
    if unknown:
        parser.error(f"there is no target {unknown[0]}; there are {', '.join(FIRMWARE + HOST)}")
    if given.shrink is not None:
        print(shrink.shrink_file(load(given.targets[0])[1], given.targets[0], given.shrink))
        return 0
    print(f"{'target':<12} {'executions':>12} {'a second':>9} {'edges':>7} {'corpus':>7} {'finds':>6}")
    finds = 0
    for target in given.targets or FIRMWARE + HOST:
        begin = time.monotonic()
        found = run(target, given.seconds)
        rate = found.executions / (time.monotonic() - begin)
        counts = f"{found.coverage:>7,} {found.corpus:>7,} {found.finds:>6}"
        print(f"{target:<12} {found.executions:>12,} {rate:>9,.0f} {counts}", flush=True)
        finds += found.finds
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
