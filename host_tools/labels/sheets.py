"""Label sheets.

Sizes and counts are those on the packs (Avery Zweckform, Brother). Pitches: the template collection of
glabels-qt for 7160 (avery-iso-templates.xml) and for 4 x 12 labels of 45.7 x 21.2 mm (rayfilm-templates.xml);
2.5 mm between the columns of L7163. Grids are centred on the page, where those templates put them, too,
within 1.4 mm. What is printed keeps `INSET_MM` from the edge of a label: printers are no more exact.
"""

from collections.abc import Iterator
from dataclasses import dataclass

A4_MM = (210.0, 297.0)
INSET_MM = 2.0


@dataclass(frozen=True)
class Place:
    """A rectangle on a page, in millimetres from its lower left corner."""

    page: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Sheet:
    name: str
    page_mm: tuple[float, float]
    label_mm: tuple[float, float]
    columns: int = 1
    rows: int = 1
    pitch_mm: tuple[float, float] = (0.0, 0.0)

    @property
    def count(self) -> int:
        return self.columns * self.rows

    def places(self, start: int, wanted: int) -> Iterator[Place]:
        """Where `wanted` labels go, row by row, from label `start` of the first page on (from 1)."""
        left = (self.page_mm[0] - (self.columns - 1) * self.pitch_mm[0] - self.label_mm[0]) / 2
        top = (self.page_mm[1] - (self.rows - 1) * self.pitch_mm[1] - self.label_mm[1]) / 2
        for index in range(start - 1, start - 1 + wanted):
            page, on_page = divmod(index, self.count)
            row, column = divmod(on_page, self.columns)
            x = left + column * self.pitch_mm[0]
            y = self.page_mm[1] - top - row * self.pitch_mm[1] - self.label_mm[1]
            yield Place(page, x, y, *self.label_mm)


SHEETS = {
    sheet.name: sheet
    for sheet in (
        Sheet("L7160", A4_MM, (63.5, 38.1), 3, 7, (66.04, 38.1)),
        Sheet("L7163", A4_MM, (99.1, 38.1), 2, 7, (101.6, 38.1)),
        Sheet("L4736", A4_MM, (45.7, 21.2), 4, 12, (48.3, 21.2)),
        Sheet(
            "roll62", (62.0, 35.0), (62.0, 35.0)
        ),  # Brother DK-22205, 62 mm wide, endless: one label a page
    )
}
