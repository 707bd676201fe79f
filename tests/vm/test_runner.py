"""The runner itself: what fails inside the VM fails in pytest, and nothing is passed over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.setup.paths import REPOSITORY
from tests.vm import machine, source

CONFTEST = """
import pathlib
import tests.vm.plugin as plugin

plugin.FOLDERS = (pathlib.Path(__file__).parent,)
pytest_plugins = ["tests.vm.plugin"]
"""

pytestmark = pytest.mark.skipif(machine.executable() is None, reason="no MicroPython VM here")


def run_pytest(folder: Path, text: str, *options: str) -> str:
    """What pytest prints about one file of tests; its last line is the exit status."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_sample.py").write_text(text)
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "PYTEST_ADDOPTS")}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environment["PYTHONPATH"] = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests/vm/cpython")])
    command = [sys.executable, "-m", "pytest", "-rA", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    done = subprocess.run(
        [*command, "-c", os.devnull, *options, str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{done.stdout}{done.stderr}\nexit status {done.returncode}"


def test_passes_on_both(tmp_path: Path) -> None:
    said = run_pytest(
        tmp_path,
        """
import unittest
from micropython import const

_LIMIT = const(5)

class Shared:
    def test_inherited(self):
        self.assertEqual(_LIMIT, 5)

class TestA(Shared, unittest.TestCase):
    def test_own(self):
        with self.assertRaises(ValueError) as caught:
            int("x")
        self.assertIn("x", str(caught.exception))

class TestB(unittest.IsolatedAsyncioTestCase):
    async def test_coroutine(self):
        import asyncio
        await asyncio.sleep(0)
""",
    )
    for name in ("TestA::test_inherited", "TestA::test_own", "TestB::test_coroutine"):
        assert f"PASSED test_sample.py::[micropython] {name}" in said
        assert f"PASSED test_sample.py::{name}" in said
    assert "6 passed" in said
    assert "exit status 0" in said


@pytest.mark.parametrize(
    "body",
    [
        "self.assertEqual(sys.implementation.name, 'cpython')",
        "self.assertTrue(sys.implementation.name == 'cpython')",
        "if ON_VM: raise ValueError('boom')",
        "if ON_VM: sys.exit(0)",
        "if ON_VM: raise KeyboardInterrupt",
        "with self.assertRaises(KeyError if ON_VM else Exception): raise ValueError",
        "with self.subTest(case=3): self.assertLess(2 if ON_VM else 0, 1)",
        "self.addCleanup(lambda: [][3] if ON_VM else None)",
    ],
)
def test_failure_in_the_vm_fails_pytest(tmp_path: Path, body: str) -> None:
    said = run_pytest(
        tmp_path,
        f"""
import sys
import unittest

ON_VM = sys.implementation.name == "micropython"

class TestIt(unittest.TestCase):
    def test_it(self):
        {body}

    def test_other(self):
        pass
""",
    )
    assert "FAILED test_sample.py::[micropython] TestIt::test_it" in said
    assert "PASSED test_sample.py::[micropython] TestIt::test_other" in said
    assert "1 failed, 3 passed" in said
    assert "exit status 1" in said


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("import unittest\n", "killed by SIGSEGV"),
        ("# timeout: 1\nimport unittest\n", "still running after 1 s"),
        ("import unittest\nimport enum\n", "no module named 'enum'"),
        ("# heap: 64k\nimport unittest\n", "memory allocation failed"),
    ],
)
def test_vm_that_does_not_finish_fails_all_tests_of_the_file(tmp_path: Path, head: str, reason: str) -> None:
    bodies = {
        "killed by SIGSEGV": "import uctypes; uctypes.bytearray_at(0, 8)[0]",
        "still running after 1 s": "while True: pass",
        "memory allocation failed": "x = bytearray(100_000)",
    }
    said = run_pytest(
        tmp_path,
        f"""{head}
import sys

class TestIt(unittest.TestCase):
    def test_a(self):
        if sys.implementation.name == "micropython":
            {bodies.get(reason, "pass")}

    def test_b(self):
        pass
""",
    )
    assert reason in said
    failed = 1 if reason == "memory allocation failed" else 2
    assert f"{failed} failed, {4 - failed} passed" in said


def test_error_in_a_task_that_nobody_awaits_fails(tmp_path: Path) -> None:
    said = run_pytest(
        tmp_path,
        """
# runs on: micropython
import asyncio
import unittest

async def broken():
    raise ValueError("unseen")

async def main():
    asyncio.create_task(broken())
    await asyncio.sleep(0.01)

class TestIt(unittest.TestCase):
    def test_a(self):
        asyncio.run(main())

    def test_b(self):
        pass
""",
    )
    assert "unseen" in said
    assert "1 failed, 1 passed" in said


def test_skips_and_directives(tmp_path: Path) -> None:
    said = run_pytest(
        tmp_path,
        """
# runs on: micropython
import unittest
import vfs

class TestIt(unittest.TestCase):
    @unittest.skip("for a reason")
    def test_a(self):
        self.fail()

    def test_b(self):
        self.skipTest("another")

@unittest.skipIf(True, "all of it")
class TestAll(unittest.TestCase):
    def test_c(self):
        self.fail()

class TestEnd(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = []

    @classmethod
    def tearDownClass(cls):
        raise ValueError("at the end")

    def test_d(self):
        self.assertEqual(self.made, [])
""",
    )
    assert "1 failed, 3 skipped" in said
    assert "at the end" in said
    for reason in ("for a reason", "another", "all of it"):
        assert reason in said


def test_one_test_can_be_chosen(tmp_path: Path) -> None:
    text = (
        "import unittest\nclass TestIt(unittest.TestCase):\n def test_a(self): pass\n def test_b(self): x\n"
    )
    assert "1 passed" in run_pytest(tmp_path, text, "-k", "micropython and test_a")


def test_unknown_directive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text("# runs on: toaster\n")
    with pytest.raises(source.BadDirective, match="toaster"):
        source.read(tmp_path / "test_x.py")


def test_a_test_that_the_vm_does_not_have_fails(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text("import unittest\nclass TestIt(unittest.TestCase):\n    def test_a(self): pass\n")
    outcomes = machine.run_file(path, ["TestIt::test_a", "TestIt::test_gone"], "256k", 20)
    assert outcomes["TestIt::test_a"].result == "passed"
    assert outcomes["TestIt::test_gone"].result == "failed"
