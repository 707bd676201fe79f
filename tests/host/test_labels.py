"""Labels: what is on them, that it stays on them, and that the code drawn is the code meant."""

import json
import re
import zlib
from base64 import a85decode
from pathlib import Path

import pytest
import segno

from host_tools.cli import main
from host_tools.errors import BadInput
from host_tools.labels.content import DEFAULT_URL, Label, labels_of
from host_tools.labels.draw import MODULE_MIN_MM, QUIET_MODULES, SIZE_MIN_PT, Drawn, layout, pdf, qr_of
from host_tools.labels.sheets import INSET_MM, SHEETS, Place
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.models import Site
from tests.host.helpers import STRALSUND, WARNEMUENDE

MOLE = load_site(WARNEMUENDE)
MAC = "aa:bb:cc:00:00:01"
MM = 72 / 25.4
LONG = "Ein sehr langer Name für einen Sportplatz, wie ihn sich nur ein Amt ausdenken kann"
EXTREME = [
    Label("d", "lock-1", "x:" + "a" * 60, (LONG, LONG, LONG, LONG, LONG)),
    Label("d", "lock-2", "x:d/lock-2", ("W" * 80, "i" * 80, "Спорт żółć 运动场", "g")),
    Label("d", "lock-3", "x:d/lock-3", ("1",)),
]


def inside(inner: Place, outer: Place, inset: float = 0.0) -> bool:
    slack = 1e-6
    return (
        inner.page == outer.page
        and inner.x >= outer.x + inset - slack
        and inner.y >= outer.y + inset - slack
        and inner.x + inner.width <= outer.x + outer.width - inset + slack
        and inner.y + inner.height <= outer.y + outer.height - inset + slack
    )


def apart(one: Place, other: Place) -> bool:
    slack = 1e-6
    return (
        one.page != other.page
        or one.x + one.width <= other.x + slack
        or other.x + other.width <= one.x + slack
        or one.y + one.height <= other.y + slack
        or other.y + other.height <= one.y + slack
    )


def boxes(one: Drawn) -> list[Place]:
    texts = [Place(text.page, text.x, text.y, text.width, text.size_pt * 1.2 / MM) for text in one.texts]
    return [one.qr, *texts]


def streams(content: bytes) -> list[str]:
    """The drawing of each page."""
    found = re.findall(rb"/ASCII85Decode /FlateDecode.*?stream\r?\n(.*?)endstream", content, re.DOTALL)
    texts = [zlib.decompress(a85decode(b"<~" + one.strip(), adobe=True)) for one in found]
    return [text.decode("latin-1") for text in texts if b" re" in text]


def matrices(page: str, drawn: list[Drawn]) -> list[list[list[int]]]:
    """The modules of each code, from the rectangles that the PDF fills."""
    rectangles = [tuple(map(float, found)) for found in re.findall(r"(\S+) (\S+) (\S+) (\S+) re\b", page)]
    result = []
    for one in drawn:
        size = len(qr_of(one.label.url).matrix)
        module = one.qr.width * MM / (size + 2 * QUIET_MODULES)
        left, top = one.qr.x * MM, (one.qr.y + one.qr.height) * MM
        dark = [[0] * (size + 2 * QUIET_MODULES) for _ in range(size + 2 * QUIET_MODULES)]
        for x, y, width, height in rectangles:
            if left <= x < left + one.qr.width * MM and top - one.qr.height * MM <= y < top:
                row, column = round((top - y - height) / module), round((x - left) / module)
                assert round(height / module) == 1
                for n in range(round(width / module)):
                    dark[row][column + n] = 1
        result.append(dark)
    return result


@pytest.mark.parametrize("name", SHEETS)
def test_sheets_hold_their_labels(name: str) -> None:
    sheet = SHEETS[name]
    places = list(sheet.places(1, sheet.count + 1))
    page = Place(0, 0, 0, *sheet.page_mm)
    assert all(inside(place, page) for place in places[:-1])
    assert all(apart(one, other) for n, one in enumerate(places) for other in places[:n])
    assert places[-1].page == 1
    assert places[0].y >= places[sheet.count - 1].y


def test_a_sheet_is_what_the_pack_says() -> None:
    first, second = list(SHEETS["L7160"].places(1, 2))
    assert (round(first.x, 2), round(first.y, 2)) == (7.21, 243.75)
    assert (round(second.x - first.x, 2), second.y) == (66.04, first.y)
    assert {name: sheet.count for name, sheet in SHEETS.items()} == {
        "L7160": 21,
        "L7163": 14,
        "L4736": 48,
        "roll62": 1,
    }


@pytest.mark.parametrize("name", SHEETS)
def test_nothing_overlaps_or_leaves_its_label(name: str) -> None:
    drawn = layout([*labels_of(MOLE, {"box-1": MAC}), *EXTREME], SHEETS[name])
    assert len(drawn) == 12
    for one in drawn:
        found = boxes(one)
        assert all(inside(box, one.place, INSET_MM) for box in found), one
        assert all(apart(box, other) for n, box in enumerate(found) for other in found[:n]), one
        module = one.qr.width / (len(qr_of(one.label.url).matrix) + 2 * QUIET_MODULES)
        assert module >= MODULE_MIN_MM
        assert all(text.size_pt > 2 for text in one.texts)
    normal = [text.size_pt for one in drawn[:9] for text in one.texts]
    assert min(normal) >= SIZE_MIN_PT * 0.75


@pytest.mark.parametrize("name", SHEETS)
def test_the_code_drawn_is_the_code_meant(name: str) -> None:
    drawn = layout(labels_of(MOLE, {}), SHEETS[name], start=SHEETS[name].count)
    pages = streams(pdf(drawn, SHEETS[name], "x"))
    for number, page in enumerate(pages):
        here = [one for one in drawn if one.place.page == number]
        for one, dark in zip(here, matrices(page, here), strict=True):
            meant = segno.make_qr(one.label.url, error="m", boost_error=True)
            bordered = [list(row) for row in meant.matrix_iter(border=QUIET_MODULES)]
            assert dark == bordered
    assert sum(len([one for one in drawn if one.place.page == n]) for n in range(len(pages))) == len(drawn)


def test_what_is_on_them() -> None:
    labels = {(label.device, label.component): label for label in labels_of(MOLE, {"box-1": MAC})}
    assert labels["box-1", "lock-2"].lines[0] == "Fach 2 / Compartment 2"
    assert labels["box-1", "lock-1"].lines[:2] == ("Container", "Nr. 1 / No. 1")
    assert labels["box-1", "lock-2"].lines[-1] == "box-1/lock-2"
    assert MOLE.title in labels["box-1", "lock-2"].lines
    assert f"MAC {MAC}" in labels["box-1", "device"].lines
    assert labels["box-1", "lock-2"].url == "sportbox:warnemuende-mole/box-1/lock-2"
    assert [key for key in labels if key[0] == "court-1"] == [("court-1", "device")]
    english = MOLE.model_copy(update={"languages": ["en"]})
    assert labels_of(english, {}, "box-1")[2].lines[0] == "Fach 2"  # the title of the site file
    bare = load_site(STRALSUND).model_dump(exclude_unset=True)
    bare["devices"]["box-1"]["components"]["lock-1"] = {}
    assert labels_of(Site.model_validate(bare), {})[1].lines[0] == "Fach 1"


def test_addresses() -> None:
    site = MOLE.model_copy(update={"label_url": "https://box.example/{site}/{device}?c={component}"})
    assert labels_of(site, {})[1].url == "https://box.example/warnemuende-mole/box-1?c=lock-1"
    assert labels_of(site, {}, url=DEFAULT_URL)[1].url.startswith("sportbox:")
    for template in (
        "",
        "nothing",
        "https://x/{device}/{secret}",
        "https://x/{device}/{component} ",
        "x:" + "a" * 200,
    ):
        with pytest.raises(BadInput, match="no template"):
            labels_of(site, {}, url=template)
    with pytest.raises(BadInput, match=r"without .component."):
        labels_of(site, {}, url="https://x/{device}")
    long = "https://box.example/" + "a" * 150 + "/{device}/{component}"
    with pytest.raises(BadInput, match="too long for labels of L4736"):
        layout(labels_of(site, {}, url=long), SHEETS["L4736"])


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    site_file = tmp_path / "x.yaml"
    text = STRALSUND.read_text().replace(
        "languages: [de]", "languages: [de]\nlabel_url: 'https://b.example/{device}/{component}'"
    )
    site_file.write_text(text)
    Inventory.open(site_file).record("provision", MAC, "box-1")
    output = tmp_path / "labels.pdf"
    words = ["label", str(site_file), "-o", str(output), "--start", "20", "--json"]
    assert main(words) == 0
    found = capsys.readouterr()
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert [(row["component"], row["page"]) for row in rows] == [("device", 1), ("lock-1", 1), ("device", 2)]
    assert rows[1]["url"] == "https://b.example/box-1/lock-1"
    assert "no MAC is known yet of court-1" in found.err
    assert "--start 2" in found.err
    first = output.read_bytes()
    assert first.startswith(b"%PDF-")
    assert main(words) == 0
    assert output.read_bytes() == first
    assert output.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["-o", "F", "--sheet", "A4"], 2, "no label sheet `A4`"),
        (["-o", "F", "--start", "22"], 2, "has 21 labels"),
        (["-o", "F", "--device", "box-7"], 2, "no board `box-7`"),
        (["-o", "none/F"], 1, "cannot write"),
        ([], 2, "--output"),
    ],
)
def test_refused(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["label", str(STRALSUND), *words]) == status
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
