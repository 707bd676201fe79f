"""What tests of courts and gates share."""


class Input:
    def __init__(self):
        self.on = False

    def active(self):
        return self.on


class Reports:
    def __init__(self):
        self.events, self.states, self.finals = [], [], []
        self.remembered = []  # of each time, whether at once
        self.full = False  # there is no memory for events

    def event(self, component, kind, data, urgent):
        if self.full:
            raise MemoryError
        self.events.append((component, kind, data, urgent))

    def state(self, component):
        self.states.append(component)

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))

    def remember(self, at_once):
        self.remembered.append(at_once)


class Kit:
    """Stands in for the board's hardware: inputs by pin."""

    def __init__(self, reports):
        self.reports = reports
        self.inputs = {}
        self.app = self
        self.parts = []

    def input(self, pin, active, pull):
        self.inputs[pin] = Input()
        return self.inputs[pin]

    def now_ms(self):
        return 0
