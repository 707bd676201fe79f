import unittest
import asyncio
import sys
from micropython import const

_X = const(5)

class Base:
    def test_inherited(self):
        self.assertEqual(_X, 5)

class TestA(Base, unittest.TestCase):
    def test_ok(self):
        with self.subTest(i=1):
            self.assertGreater(2, 1)
    def test_fails_on_vm(self):
        self.assertNotEqual(sys.implementation.name, "micropython")
    @unittest.skip("for a reason")
    def test_skipped(self):
        self.fail()
    def test_raises(self):
        with self.assertRaises(ValueError) as c:
            int("x")
        self.assertIn("x", str(c.exception))

class TestB(unittest.IsolatedAsyncioTestCase):
    async def test_async(self):
        await asyncio.sleep(0.01)
        self.assertTrue(True)
