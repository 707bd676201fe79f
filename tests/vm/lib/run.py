"""Run the unittest classes of one module on MicroPython and report every test as a line of JSON.

micropython run.py REPORT MODULE CLASS::METHOD ...

The host decides from the report and the exit status; see tests/vm/plugin.py.
"""

import asyncio
import gc
import io
import json
import sys
import time
import unittest


class Report:
    """Lines are flushed one by one, so that a VM that dies still tells how far it came."""

    def __init__(self, path):
        self.file = open(path, "w")  # noqa: SIM115

    def line(self, **fields):
        self.file.write(json.dumps(fields) + "\n")
        self.file.flush()


class Reaped:
    """Collects errors of tasks that nobody awaited, which MicroPython would only print."""

    def __init__(self):
        self.errors = []

    def handle(self, loop, context):
        self.errors.append(context["exception"])

    def fresh_loop(self):
        """Tasks leak from one asyncio.run() to the next, unless the loop is new."""
        self.errors.clear()
        asyncio.new_event_loop().set_exception_handler(self.handle)


def trace_of(error):
    text = io.StringIO()
    sys.print_exception(error, text)
    return text.getvalue()


def call_all(functions, problems):
    """Call each in turn, whatever the ones before it did."""
    for function in functions:
        try:
            function()
        except BaseException as error:  # SystemExit and CancelledError must not end the run
            problems.append(error)


def run_test(case_class, name, reaped):
    """The outcome of one test, its text and its properties."""
    if case_class.skip_reason is not None:
        return "skipped", case_class.skip_reason, []
    reaped.fresh_loop()
    test = case_class()
    problems = []
    call_all([test.setUp], problems)
    if not problems:
        call_all([lambda: test.call_test(name), test.tearDown], problems)
    call_all([test.doCleanups], problems)
    problems.extend(reaped.errors)
    if not problems:
        return "passed", "", test.properties
    if isinstance(problems[0], unittest.SkipTest):
        return "skipped", str(problems[0]), []
    text = "".join([trace_of(problem) for problem in problems])
    if test.sub_tests:
        text = "subTest: %s\n%s" % (", ".join(test.sub_tests), text)
    return "failed", text, test.properties


def run_class(case_class, names, report, reaped):
    problems = []
    if case_class.skip_reason is None:
        call_all([case_class.setUpClass], problems)
    for name in names:
        started_ms = time.ticks_ms()
        if problems:
            skip = isinstance(problems[0], unittest.SkipTest)
            outcome, text = ("skipped", str(problems[0])) if skip else ("failed", trace_of(problems[0]))
            properties = []
        else:
            outcome, text, properties = run_test(case_class, name, reaped)
        duration_ms = time.ticks_diff(time.ticks_ms(), started_ms)
        label = case_class.__name__ + "::" + name
        report.line(test=label, outcome=outcome, text=text, ms=duration_ms, properties=properties)
        gc.collect()
    if case_class.skip_reason is None:
        call_all([case_class.tearDownClass], problems)
        if problems and names and not isinstance(problems[-1], unittest.SkipTest):
            last = case_class.__name__ + "::" + names[-1]
            report.line(test=last, outcome="failed", text=trace_of(problems[-1]), ms=0)


def main(report_path, module_name, *wanted):
    report = Report(report_path)
    reaped = Reaped()
    module = __import__(module_name, None, None, ("x",))
    by_class = {}
    for label in wanted:
        class_name, method = label.split("::")
        by_class.setdefault(class_name, []).append(method)
    for class_name in sorted(by_class):
        case_class = getattr(module, class_name)
        names = [name for name in by_class[class_name] if hasattr(case_class, name)]
        run_class(case_class, names, report, reaped)
    report.line(done=True, free_bytes=gc.mem_free())


main(*sys.argv[1:])
