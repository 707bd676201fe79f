"""Stands in for the self-test that checks and steps are given."""

from tests.firmware import bare_machine

MACHINE = bare_machine.Machine  # in its place before the firmware's drivers want it


class Played:
    """Stands in for selftest.board.Selftest. `case` has `now_ms`, `places` and `reports`."""

    def __init__(self, case, config=None, secrets=None):
        self.case = case
        self.config = config or {}
        self.secrets = secrets or {}
        self.why_not = ""
        self.unix_s = None
        self.unix_ms = 0
        self.late = False
        self.answer = None
        self.detail = None
        self.results = []
        self.fed = 0

    def now_ms(self):
        return self.case.now_ms

    def feed(self):
        self.fed += 1

    def parts(self):
        return self

    @property
    def reports(self):
        return self.case.reports

    def called(self, name):
        return {place.name: place.bay for place in self.case.places}[name]

    def bay_of(self, component):
        for place in self.case.places:
            if component in [name for name, _, _ in place.bay.states()]:
                return place.bay
        raise ValueError(component)

    def result(self, check, component, ok, value, why=""):
        self.results.append((check, component, ok, why))
