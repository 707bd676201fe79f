"""Labels onto pages: the QR code as filled rectangles at the left, the text at its right."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import reportlab
import segno
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from host_tools.errors import BadInput
from host_tools.labels.content import Label
from host_tools.labels.sheets import INSET_MM, Place, Sheet
from host_tools.words import tr

QUIET_MODULES = 4
"""ISO/IEC 18004: nothing but white that wide around a QR code."""
MODULE_MIN_MM = 0.35
"""Smaller modules take a good camera, close by; outdoors that is too much to ask."""
QR_SHARE = 0.45
"""Of a label's width, at most."""
GAP_MM = 1.5
SIZES_PT = (13.0, 9.0, 8.0, 7.0)
"""Of the first line, the second, and so on; less where a line would not fit."""
SIZE_MIN_PT = 5.0
LEADING = 1.2
REPLACEMENT = "?"
FONTS = ("Vera", "VeraBd")
"""Bitstream Vera comes with reportlab, and is embedded: the page looks the same everywhere."""


@dataclass(frozen=True)
class Text:
    """A line as it is drawn: its lower left corner in millimetres, the width that it takes, and its size."""

    page: int
    x: float
    y: float
    width: float
    size_pt: float
    font: str
    text: str


@dataclass(frozen=True)
class Drawn:
    """What one label became; `qr` with its quiet zone."""

    label: Label
    place: Place
    qr: Place
    texts: tuple[Text, ...]


def qr_of(url: str) -> segno.QRCode:
    """Level M, so that a scratch does no harm, or a better one where that costs no room."""
    return segno.make_qr(url, error="m", boost_error=True)


def layout(labels: Sequence[Label], sheet: Sheet, start: int = 1) -> list[Drawn]:
    """Where everything goes; BadInput when a code gets too dense for that sheet."""
    _register_fonts()
    return [
        _label(label, place, sheet)
        for label, place in zip(labels, sheet.places(start, len(labels)), strict=True)
    ]


def pdf(drawn: Sequence[Drawn], sheet: Sheet, title: str) -> bytes:
    """The pages; the same labels give the same bytes."""
    content = io.BytesIO()
    canvas = Canvas(content, pagesize=(sheet.page_mm[0] * mm, sheet.page_mm[1] * mm), invariant=1)
    canvas.setTitle(title)
    canvas.setCreator("sportbox")
    page = 0
    for one in drawn:
        while page < one.place.page:
            canvas.showPage()
            page += 1
        _draw(canvas, one)
    canvas.save()
    return content.getvalue()


def runs(url: str) -> Iterator[tuple[int, int, int]]:
    """The dark modules as (row, first column, how many), from the top, without the quiet zone."""
    for row, modules in enumerate(qr_of(url).matrix):
        column = 0
        while column < len(modules):
            length = 1
            while column + length < len(modules) and modules[column + length] == modules[column]:
                length += 1
            if modules[column]:
                yield row, column, length
            column += length


def _label(label: Label, place: Place, sheet: Sheet) -> Drawn:
    inner = place.height - 2 * INSET_MM
    side = min(inner, place.width * QR_SHARE - INSET_MM)
    modules = len(qr_of(label.url).matrix) + 2 * QUIET_MODULES
    if side / modules < MODULE_MIN_MM:
        raise BadInput(
            tr(
                "the address of `{device}` `{component}` is too long for labels of {sheet}",
                device=label.device,
                component=label.component,
                sheet=sheet.name,
            ),
            tr("take a larger sheet (--sheet) or a shorter address (--url, `label_url`)"),
        )
    qr = Place(place.page, place.x + INSET_MM, place.y + (place.height - side) / 2, side, side)
    return Drawn(label, place, qr, tuple(_texts(label, place, qr)))


def _texts(label: Label, place: Place, qr: Place) -> Iterator[Text]:
    """The lines, one below the other, centred in height. What is too long is wrapped, made smaller, cut."""
    x = qr.x + qr.width + GAP_MM
    room = place.x + place.width - INSET_MM - x
    height = place.height - 2 * INSET_MM
    lines: list[tuple[str, float, str]] = []
    for number, line in enumerate(label.lines):
        font = FONTS[number == 0]
        lines += _fitted(_known(line, font), font, SIZES_PT[min(number, len(SIZES_PT) - 1)], room)
    total = sum(size for _, size, _ in lines) * LEADING / mm
    squeeze = min(1.0, height / total)
    y = place.y + place.height / 2 + total * squeeze / 2
    for text, size, font in lines:
        size *= squeeze
        y -= size * LEADING / mm
        yield Text(place.page, x, y, _width(text, font, size), size, font, text)


def _fitted(text: str, font: str, size: float, room_mm: float) -> list[tuple[str, float, str]]:
    """One line or two, at this size if possible."""
    for smaller in (1.0, 0.85, 0.7, 0.55):
        wrapped = _wrapped(text, font, size * smaller, room_mm)
        if wrapped:
            return [(line, size * smaller, font) for line in wrapped]
    size = max(SIZE_MIN_PT, min(size * 0.55, size * room_mm / _width(text, font, size)))
    cut = text
    while _width(cut, font, size) > room_mm and len(cut) > 1:
        cut = cut.removesuffix("…")[:-1].rstrip() + "…"
    return [(cut, size, font)]


def _wrapped(text: str, font: str, size: float, room_mm: float) -> list[str] | None:
    """The text in at most two lines, None if it does not fit."""
    if _width(text, font, size) <= room_mm:
        return [text]
    words = text.split(" ")
    for count in range(len(words) - 1, 0, -1):
        first, second = " ".join(words[:count]), " ".join(words[count:])
        if _width(first, font, size) <= room_mm:
            return [first, second] if _width(second, font, size) <= room_mm else None
    return None


def _width(text: str, font: str, size: float) -> float:
    return float(pdfmetrics.stringWidth(text, font, size) / mm)


def _known(text: str, font: str) -> str:
    """Characters that the font lacks would be empty boxes."""
    glyphs = pdfmetrics.getFont(font).face.charToGlyph
    return "".join(char if ord(char) in glyphs else REPLACEMENT for char in text)


def _draw(canvas: Canvas, one: Drawn) -> None:
    matrix_size = len(qr_of(one.label.url).matrix)
    module = one.qr.width / (matrix_size + 2 * QUIET_MODULES)
    left = one.qr.x + QUIET_MODULES * module
    top = one.qr.y + one.qr.height - QUIET_MODULES * module
    path = canvas.beginPath()
    for row, column, length in runs(one.label.url):
        path.rect(
            (left + column * module) * mm, (top - (row + 1) * module) * mm, length * module * mm, module * mm
        )
    canvas.drawPath(path, stroke=0, fill=1)
    for text in one.texts:
        canvas.setFont(text.font, text.size_pt)
        # the baseline: what hangs below it (a quarter of the size) stays within the line
        canvas.drawString(text.x * mm, text.y * mm + text.size_pt * LEADING / 4, text.text)


def _register_fonts() -> None:
    folder = Path(reportlab.__file__).parent / "fonts"
    for name in FONTS:
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(folder / f"{name}.ttf")))
