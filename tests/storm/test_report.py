"""What the report tells of traces, and that its page needs nothing from elsewhere and names nobody."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from host_tools.errors import ToolError
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.case import Case
from host_tools.storm.oracle.broken import Broken
from host_tools.storm.result import Result
from host_tools.storm.shown.page import page, verdict_of
from host_tools.storm.shown.picture import POINTS_MAX, Picture, picture_of, thinned
from host_tools.storm.shown.report import facts_of, write
from host_tools.storm.shown.svg import bins
from host_tools.storm.storm import FAILURES_MAX, PICTURES_MAX, Least, Order, Totals
from tests.storm.doubles import NAME, Double, played

Record = dict[str, Any]
VOID = {"meta", "rect", "line", "polyline", "br"}


def at(s: float, kind: str, **facts: Any) -> Record:
    return {"us": BEGIN_US + int(s * 1e6), "kind": kind, **facts}


def fault(s: float, number: int, name: str, on: bool) -> Record:
    return at(s, "fault", number=number, name=name, on=on, args={})


def telemetry(s: float, payload: str) -> Record:
    return at(s, "publish", conn=1, topic="sportbox/v1/s/b/telemetry", payload=payload, qos=0, acked=False)


def test_faults_have_spans() -> None:
    picture = picture_of(
        [
            at(0, "power", what="on"),
            fault(10, 1, "partition", True),
            fault(15, 2, "rot", True),  # done in an instant: nobody ends it
            fault(20, 3, "partition", True),
            fault(30, 1, "partition", False),
            fault(40, 3, "partition", False),
            at(60, "end"),
        ]
    )
    assert picture.faults == [("partition", 10, 30), ("rot", 15, 15), ("partition", 20, 40)]
    assert picture.by_fault == {"partition": 2, "rot": 1}
    assert picture.length_s == 60


def test_recovery_counts_from_the_end_of_what_was_in_the_way() -> None:
    picture = picture_of(
        [
            at(0, "boot", n=1, cause=1),
            at(3, "up", conn=1),  # the first connection mends nothing
            fault(100, 1, "partition", True),
            at(110, "gone", conn=1, why="keepalive"),
            fault(200, 1, "partition", False),
            at(204.5, "up", conn=2),
            at(300, "gone", conn=2, why="reset"),  # nothing was in the way
            at(301, "up", conn=3),
            at(400, "power", what="cut"),
            at(401, "gone", conn=3, why="keepalive"),
            at(500, "boot", n=2, cause=1),
            at(506, "up", conn=4),
            at(600, "end"),
        ]
    )
    assert picture.recoveries == [4.5, 1, 6]
    assert picture.offline == [(0, 3), (110, 204.5), (300, 301), (401, 506)]
    assert picture.starts == [0, 500]


def test_a_new_connection_while_the_broker_holds_the_old_one_for_alive() -> None:
    picture = picture_of(
        [
            at(0, "boot", n=1, cause=1),
            at(3, "up", conn=1),
            fault(100, 1, "half_open", True),
            at(112, "up", conn=2),
            at(150, "gone", conn=1, why="keepalive"),
            at(200, "gone", conn=9, why="never up"),
            at(300, "end"),
        ]
    )
    assert picture.recoveries == [12]
    assert picture.offline == [(0, 3)]


def test_an_outage_may_last_to_the_end() -> None:
    assert picture_of([at(0, "boot", n=1), at(9, "end")]).offline == [(0, 9)]
    assert picture_of([]) == Picture()


def test_the_queue_is_what_telemetry_said() -> None:
    picture = picture_of(
        [
            telemetry(0, '{"queue":3}'),
            telemetry(1, '{"queue":'),
            telemetry(2, '{"queue":"7"}'),
            telemetry(3, "[]"),
            at(
                4, "publish", conn=1, topic="sportbox/v1/s/b/event", payload='{"queue":99}', qos=1, acked=True
            ),
            telemetry(5, '{"queue":0}'),
        ]
    )
    assert picture.queue == [(0, 3), (5, 0)]
    assert picture.counts["messages of the board"] == 6


def test_peaks_survive_thinning() -> None:
    points = [(float(number), 0) for number in range(10_000)]
    points[4_321] = (4_321.0, 77)
    thin = thinned(points)
    assert len(thin) <= POINTS_MAX
    assert (4_321.0, 77) in thin


def test_a_picture_survives_json() -> None:
    picture = picture_of(played(Double().faults(Case("1", "box-1", 2)), 2).records)
    assert Picture.from_json(json.loads(json.dumps(picture.json()))) == picture


def test_bins_hold_everything_once() -> None:
    counted = bins([0, 0.99, 1, 7.9, 8, 299, 300, 10_000])
    assert sum(count for _, count in counted) == 8
    assert counted[0] == ("< 1 s", 2)
    assert counted[-1] == ("≥ 5 min", 2)
    assert dict(counted)["4 s to 8 s"] == 1


class Reader(HTMLParser):
    """Tags are closed in order; words are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def totals(broken: bool = True) -> Totals:
    found = Totals(Order(1, 2, ["box-1", "court-1"], 2, 2, NAME))
    for seed in ("1", "2"):
        for board in found.order.boards:
            case = Case(seed, board, 2)
            trace = played(Double().faults(case), 2)
            picture = picture_of(trace.records)
            violations = (Broken("order", BEGIN_US + 700_000_000, "<b>17</b> before 16"),)
            kind = board.partition("-")[0]
            is_bad = broken and case.name == "2-box-1"
            result = Result(
                case, kind, trace.digest(), 7_200, 0.5, violations if is_bad else (), "", "", picture
            )
            found.add(result)
    if broken:
        of = Case("2", "box-1", 2)
        least = Case("2", "box-1", 2, faults=(3,), acts=(), until=1)
        found.least.append(Least("order", of, least, "<b>17</b> before 16", ("0:03:00.000: cut",), ()))
        found.least.append(Least("lost", of, None, repeats=False))
        found.add(Result(Case("3", "box-1", 2), error="ValueError: <script>"))
    return found


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = page(totals())
    reader = Reader()
    reader.feed(text)
    assert not reader.open
    assert not {tag for tag, _ in reader.tags} & {"script", "img", "link", "iframe", "a", "object"}
    for _, attributes in reader.tags:
        assert not {name for name in attributes if name in ("src", "href") or name.startswith("on")}
    assert "url(" not in text and "@import" not in text and "http://" not in text and "https://" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text


def test_the_page_tells_figures_failures_and_the_least() -> None:
    text = page(totals())
    assert "Of 5 runs: an invariant was broken in 1, the simulator itself failed in 1." in text
    assert "device-hours a second a core, box</th><td>4.0</td>" in text
    assert "&lt;b&gt;17&lt;/b&gt; before 16" in text and "<b>" not in text
    assert "sportbox sim storm --hours 2 --replay 2/box-1:faults=3:acts=none:until=1" in text
    assert "ValueError: &lt;script&gt;" in text
    assert text.count("<polyline") == 1  # of runs that fail, where some do
    assert 'aria-label="broker stop over time' in text
    assert re.search(r'<line class="bad" x1="97\.22"', text)  # 700 s of 7,200 s


def test_the_page_of_a_good_storm_draws_the_first_runs() -> None:
    found = totals(broken=False)
    text = page(found)
    assert "No invariant was broken in 4 runs." in text
    assert text.count("<polyline") == 4
    assert 'class="bad"' not in text


def test_no_coordinate_is_outside_and_no_bar_is_invisible() -> None:
    for x, width in re.findall(r'<rect class="fault" x="([\d.]+)" y="0" width="([\d.]+)"', page(totals())):
        assert 0 <= float(x) <= float(x) + float(width) <= 1_000.01


def test_nothing_of_a_message_gets_into_the_report() -> None:
    secret = "trainer-4711"
    records = [
        at(0, "boot", n=1, cause=1),
        at(1, "up", conn=1, client=secret),
        at(
            2,
            "publish",
            conn=1,
            topic=f"sportbox/v1/{secret}/b/event",
            payload=f'{{"sub":"{secret}"}}',
            qos=1,
        ),
        at(3, "order", jti=secret, act="unlock", component="lock-1", good=True, why=""),
        at(4, "console", text=secret),
        fault(5, 1, "partition", True),
    ]
    found = Totals(Order(1, 1, ["box-1"], 2, 1, NAME))
    found.add(Result(Case("1", "box-1", 2), "box", "d", 7_200, 1.0, picture=picture_of(records)))
    assert secret not in page(found)
    assert secret not in json.dumps(facts_of(found))


def test_totals_stay_bounded() -> None:
    found = Totals(Order(1, 1, ["box-1"], 2, 1, NAME))
    picture = picture_of(played(Double().faults(Case("1", "box-1", 2)), 2).records)
    for number in range(200):
        case = Case(str(number), "box-1", 2)
        found.add(Result(case, "box", "d", 7_200, 1.0, (Broken("order", BEGIN_US, ""),), picture=picture))
    assert found.failed == 200
    assert len(found.failures) == FAILURES_MAX
    assert sum(bool(result.picture.faults) for result in found.failures) == PICTURES_MAX
    assert len(found.pictures) == PICTURES_MAX
    assert "And 150 more." in page(found)


def test_both_files_are_written(tmp_path: Path) -> None:
    found = totals()
    paths = write(found, tmp_path / "build")
    assert [path.name for path in paths] == ["storm.json", "storm.html"]
    facts = json.loads(paths[0].read_text())
    assert facts["verdict"] == verdict_of(found)
    assert facts["kinds"]["court"]["runs"] == 2
    assert [one["command"] for one in facts["least"]] == [
        "sportbox sim storm --hours 2 --replay 2/box-1:faults=3:acts=none:until=1",
        "sportbox sim storm --hours 2 --replay 2/box-1",
    ]
    assert len(facts["failures"]) == 2
    assert paths[1].stat().st_mode & 0o777 == 0o644
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot write the report"):
        write(found, tmp_path / "file")
