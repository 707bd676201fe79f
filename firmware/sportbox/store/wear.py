"""How much the firmware has written to its flash since the board was provisioned, for whoever wonders how
long it will last (chips are made for some 100,000 erases a sector). Counted in RAM; stored with the boot
count at each boot and once a day, so the power can take at most a day of it."""


class Wear:
    def __init__(self) -> None:
        self.bytes = 0
        self.files = 0  # written, each costs at least a change of its folder

    def wrote(self, size: int) -> None:
        self.bytes += size
        self.files += 1
