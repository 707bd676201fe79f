"""unittest for the MicroPython VM: the part of CPython's API that tests here use, with its meaning.

The runner (run.py beside this file) drives it. The package of this name on the index is from 2014: no
subTest, no setUpClass, no clean-up, no assertGreater, and a failing test does not fail the process.
"""


class SkipTest(Exception):
    pass


def skip(reason):
    def mark(test):
        test_class = isinstance(test, type)
        if test_class:
            test.skip_reason = reason
            return test

        def skipped(*_):
            raise SkipTest(reason)

        return skipped

    return mark


def skipIf(condition, reason):
    return skip(reason) if condition else lambda test: test


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def expectedFailure(test):
    def inverted(self):
        try:
            test(self)
        except AssertionError:
            return
        raise AssertionError("unexpected success")

    return inverted


class _Raises:
    def __init__(self, expected, contains):
        self.expected = expected
        self.contains = contains
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            raise AssertionError("%r not raised" % (self.expected,))
        if not issubclass(kind, self.expected):
            return False
        self.exception = error
        if self.contains is not None:
            import re

            if not re.search(self.contains, str(error)):
                raise AssertionError("%r does not match %r" % (str(error), self.contains))
        return True


class _SubTest:
    """Names the case in a failure's message. Unlike on CPython, the first failing case ends the test."""

    def __init__(self, test, message, params):
        self.test = test
        self.label = "%s %r" % (message or "", params)

    def __enter__(self):
        self.test.sub_tests.append(self.label)

    def __exit__(self, kind, error, trace):
        if kind is None:
            self.test.sub_tests.pop()
        return False


class TestCase:
    skip_reason = None
    failureException = AssertionError

    def __init__(self):
        self.cleanups = []
        self.sub_tests = []
        self.properties = []  # (name, value) pairs for the host's report of this test

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        pass

    def tearDown(self):
        pass

    def call_test(self, name):
        getattr(self, name)()

    def addCleanup(self, function, *args, **kwargs):
        self.cleanups.append((function, args, kwargs))

    def doCleanups(self):
        while self.cleanups:
            function, args, kwargs = self.cleanups.pop()
            function(*args, **kwargs)

    def subTest(self, msg=None, **params):
        return _SubTest(self, msg, params)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def fail(self, msg=None):
        raise AssertionError(msg or "failed")

    def _check(self, holds, msg, form, *values):
        if not holds:
            text = form % tuple(repr(value) for value in values)
            raise AssertionError("%s : %s" % (text, msg) if msg else text)

    def assertTrue(self, value, msg=None):
        self._check(value, msg, "%s is not true", value)

    def assertFalse(self, value, msg=None):
        self._check(not value, msg, "%s is not false", value)

    def assertEqual(self, first, second, msg=None):
        self._check(first == second, msg, "%s != %s", first, second)

    assertListEqual = assertTupleEqual = assertDictEqual = assertSetEqual = assertSequenceEqual = assertEqual

    def assertNotEqual(self, first, second, msg=None):
        self._check(first != second, msg, "%s == %s", first, second)

    def assertIs(self, first, second, msg=None):
        self._check(first is second, msg, "%s is not %s", first, second)

    def assertIsNot(self, first, second, msg=None):
        self._check(first is not second, msg, "%s is %s", first, second)

    def assertIsNone(self, value, msg=None):
        self._check(value is None, msg, "%s is not None", value)

    def assertIsNotNone(self, value, msg=None):
        self._check(value is not None, msg, "%s is None", value)

    def assertIn(self, member, container, msg=None):
        self._check(member in container, msg, "%s not found in %s", member, container)

    def assertNotIn(self, member, container, msg=None):
        self._check(member not in container, msg, "%s unexpectedly found in %s", member, container)

    def assertIsInstance(self, value, kind, msg=None):
        self._check(isinstance(value, kind), msg, "%s is not an instance of %s", value, kind)

    def assertNotIsInstance(self, value, kind, msg=None):
        self._check(not isinstance(value, kind), msg, "%s is an instance of %s", value, kind)

    def assertGreater(self, first, second, msg=None):
        self._check(first > second, msg, "%s not greater than %s", first, second)

    def assertGreaterEqual(self, first, second, msg=None):
        self._check(first >= second, msg, "%s not greater than or equal to %s", first, second)

    def assertLess(self, first, second, msg=None):
        self._check(first < second, msg, "%s not less than %s", first, second)

    def assertLessEqual(self, first, second, msg=None):
        self._check(first <= second, msg, "%s not less than or equal to %s", first, second)

    def assertAlmostEqual(self, first, second, places=7, msg=None, delta=None):
        close = abs(first - second) <= delta if delta is not None else round(abs(first - second), places) == 0
        self._check(first == second or close, msg, "%s != %s within the given precision", first, second)

    def assertCountEqual(self, first, second, msg=None):
        left, right = list(first), list(second)
        rest = list(right)
        for item in left:
            if item in rest:
                rest.remove(item)
        self._check(not rest and len(left) == len(right), msg, "%s and %s differ in their items", left, right)

    def assertRegex(self, text, pattern, msg=None):
        import re

        self._check(re.search(pattern, text), msg, "%s does not match %s", text, pattern)

    def assertRaises(self, expected, function=None, *args, **kwargs):
        context = _Raises(expected, None)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)
        return None

    def assertRaisesRegex(self, expected, pattern, function=None, *args, **kwargs):
        context = _Raises(expected, pattern)
        if function is None:
            return context
        with context:
            function(*args, **kwargs)
        return None


class IsolatedAsyncioTestCase(TestCase):
    """Test methods may be coroutines; set-up, test and tear-down share one event loop."""

    async def asyncSetUp(self):
        pass

    async def asyncTearDown(self):
        pass

    def call_test(self, name):
        import asyncio

        asyncio.run(self._whole(name))

    async def _whole(self, name):
        await self.asyncSetUp()
        try:
            result = getattr(self, name)()
            if result is not None:
                await result
        finally:
            await self.asyncTearDown()


def main(*_args, **_kwargs):
    """Under the runner the file is imported, so this is never reached there."""
    raise RuntimeError("run VM tests with pytest, or with tests/vm/lib/run.py")
