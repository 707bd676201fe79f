"""Mistakes about locks, keypads, sensors, the port expander and power: told with line, field and cure."""

from pathlib import Path

import pytest

from host_tools.site.load import SiteFileError, load_site
from tests.host.helpers import changed, write

GOOD = """\
version: 1
site: test-site
devices:
  box-1:
    board: box-esp32s3
    components:
      lock-1: {role: lock-9}
      door-1:
      release-1:
      inside-1:
      tamper-1:
      lock-5:
      door-5:
      keypad-1: {opens: [lock-5], slot_s: 3600}
  field-1:
    board: field-esp32c3
    components:
      court-1: {sensors: [court-1, radar-1]}
  field-2:
    board: field-esp32c3-battery
    settings: {sleep: {every_s: 600}}
    components:
      court-2: {role: court-1}
  old-1:
    board: box-esp32
    components:
      door-1:
"""
BOX = "devices.box-1.components."
FIELD = "devices.field-1.components."
BATTERY = "devices.field-2."
OLD = "devices.old-1.components."

MISTAKES: list[tuple[str, str, int, str, list[str]]] = [
    # locks and doors
    ("{role: lock-9}", "{role: lock-9, run_ms: 100}", 7, BOX + "lock-1.run_ms", ["between 200 and 10000"]),
    (
        "{role: lock-9}",
        "{role: lock-9, duty_ms: 5999}",
        7,
        BOX + "lock-1.duty_ms",
        ["two runs of the motor must fit into duty_ms: 2 * 3000 exceeds 5999"],
    ),
    (
        "      door-5:\n",
        "      door-5:\n      lock-6: {supply: side}\n      door-6:\n",
        14,
        BOX + "lock-6.supply",
        ["must be that of `lock-5` (main): the port expander opens one lock at a time"],
    ),
    ("lock-5:\n", "lock-5: {run_ms: 900}\n", 12, BOX + "lock-5.run_ms", ["for motor locks", "leave it out"]),
    (
        "{role: lock-9}",
        "{role: lock-9, latch: GPB6}",
        7,
        BOX + "lock-1.latch",
        ["does not go with the board's socket `lock-9`: leave it out, or give `pin`"],
    ),
    ("{role: lock-9}", "{role: lock-9, supply: A}", 7, BOX + "lock-1.supply", ["a name"]),
    ("{role: lock-9}", "{role: lock-11}", 7, BOX + "lock-1.role", ["lock-9, lock-10", "got `lock-11`"]),
    (
        "      door-1:\n      release",
        "      door-1: {ajar_ms: 300000}\n      release",
        8,
        BOX + "door-1.ajar_ms",
        ["must be less than ajar_alarm_ms (300000) (got 300000)"],
    ),
    (
        "      door-1:\n      release",
        "      door-1: {ajar_alarm_ms: 60000}\n      release",
        8,
        BOX + "door-1.ajar_alarm_ms",
        ["must be more than ajar_ms (60000) (got 60000)"],
    ),
    (
        "      release-1:\n",
        "      release-2: {pin: GPB6}\n",
        9,
        BOX + "release-2",
        ["needs its door `door-2`"],
    ),
    ("      inside-1:\n", "      inside-2: {role: inside-1}\n", 10, BOX + "inside-2", ["its door `door-2`"]),
    (
        "inside-1:",
        "inside-1: {hold_ms: 20000, stuck_ms: 10000}",
        10,
        BOX + "inside-1.hold_ms",
        ["less than stuck_ms (10000)"],
    ),
    (
        "      tamper-1:\n",
        "      tamper-2:\n",
        11,
        BOX + "tamper-2",
        ["no socket `tamper-2` (it has: tamper-1)"],
    ),
    # the port expander
    ("tamper-1:", "tamper-1: {pin: GPA7}", 11, BOX + "tamper-1.pin", ["GPA7 of the MCP23017 is output only"]),
    ("tamper-1:", "tamper-1: {pin: GPC7}", 11, BOX + "tamper-1.pin", ["0 and 63 or `GPA0` to `GPB7`"]),
    ("tamper-1:", "tamper-1: {pin: GPB0}", 13, BOX + "door-5", ["GPB0 is already used by `tamper-1`"]),
    ("inside-1:", "inside-1: {pin: GPB6}", 10, BOX + "inside-1.pin", ["no pull-downs", "external_pulls"]),
    (
        "{sensors: [court-1, radar-1]}",
        "{pin: GPB0}",
        18,
        FIELD + "court-1.pin",
        ["GPB0: the MCP23017 has no pull-downs inside"],
    ),
    (
        "      court-1: {sensors",
        "      door-1: {pin: GPB0}\n      court-1: {sensors",
        18,
        FIELD + "door-1.pin",
        ["a port expander, and board `field-esp32c3` has none"],
    ),
    # the classic ESP32's inputs
    (
        "  old-1:\n    board: box-esp32\n    components:\n      door-1:\n",
        "  old-1:\n    board: box-esp32\n    components:\n      door-1: {pin: 5}\n",
        27,
        OLD + "door-1.pin",
        ["strapping"],
    ),
    # keypads
    (
        "opens: [lock-5]",
        "opens: [lock-7]",
        14,
        BOX + "keypad-1.opens.0",
        ["has: lock-1, lock-5", "got `lock-7`"],
    ),
    ("opens: [lock-5]", "opens: [lock-5, lock-5]", 14, BOX + "keypad-1.opens.1", ["`lock-5` is there twice"]),
    ("opens: [lock-5], ", "", 14, BOX + "keypad-1.opens", ["is required"]),
    ("keypad-1: {opens: [lock-5], slot_s: 3600}", "keypad-1:", 14, BOX + "keypad-1.opens", ["is required"]),
    (
        "slot_s: 3600",
        "d0: 6",
        14,
        BOX + "keypad-1.d0",
        ["go with the board's socket `keypad-1`: leave it out, or give `d0` and `d1`, or `rows` and"],
    ),
    (
        "slot_s: 3600",
        "d0: 6, d1: 7, rows: [1, 2, 3, 4], columns: [1, 2, 3, 4]",
        14,
        BOX + "keypad-1.d0",
        ["one reader a keypad"],
    ),
    ("opens: [lock-5]", "opens: []", 14, BOX + "keypad-1.opens", ["1 to 8 entries", "got 0"]),
    ("slot_s: 3600", "slot_s: 5000", 14, BOX + "keypad-1.slot_s", ["must divide a day", "3600 (got 5000)"]),
    ("slot_s: 3600", 'open_from: "25:00"', 14, BOX + "keypad-1.open_from", ["time of day", '"25:00"']),
    ("slot_s: 3600", "open_from: 800", 14, BOX + "keypad-1.open_from", ["a time of day from `00:00`"]),
    (
        "slot_s: 3600",
        'open_from: "08:00", open_to: "08:00"',
        14,
        BOX + "keypad-1.open_to",
        ["must differ from open_from", "leave both out"],
    ),
    ("slot_s: 3600", "days: [mon, tuesday]", 14, BOX + "keypad-1.days.1", ["`mon`, `tue`", '"tuesday"']),
    ("slot_s: 3600", "days: [mon, mon]", 14, BOX + "keypad-1.days", ["names a day twice"]),
    ("slot_s: 3600", "d0: GPB6", 14, BOX + "keypad-1.d0", ["between 0 and 63"]),
    (
        "slot_s: 3600",
        "rows: [4, 5, 6, GPA6], columns: [7, 14, 16, 17]",
        14,
        BOX + "keypad-1.rows.3",
        ["between 0 and 63", "GPA6"],
    ),
    # courts
    (
        "[court-1, radar-1]",
        "[court-1, radar-2]",
        18,
        FIELD + "court-1.sensors.1",
        ["no such sensor, did you mean `radar-1`? (it has: court-1, court-2, radar-1, tof-1) (got"],
    ),
    ("[court-1, radar-1]", "[court-1, court-2]", 18, FIELD + "court-1.sensors.1", ["one `court` a court"]),
    (
        "[court-1, radar-1]",
        "[gate-1]",
        18,
        FIELD + "court-1.sensors.0",
        ["a gate of the same device", "none"],
    ),
    ("[court-1, radar-1]", "[]", 18, FIELD + "court-1.sensors", ["1 to 4 entries"]),
    (
        "[court-1, radar-1]",
        "[court-1], pin: 5",
        18,
        FIELD + "court-1.sensors.0",
        ["`pin` or `court-1`, not both"],
    ),
    ("[court-1, radar-1]", "[court-1], role: court-2", 18, FIELD + "court-1.role", ["`role` or `sensors`"]),
    (
        "[court-1, radar-1]}",
        "[court-1, radar-1]}\n      court-3: {sensors: [court-2, radar-1]}",
        19,
        FIELD + "court-3",
        ["socket `radar-1` is already used by `court-1`"],
    ),
    (
        "[court-1, radar-1]}",
        "[court-1, tof-1]}\n      gate-1:",
        19,
        FIELD + "gate-1",
        ["GPIO 6 is already used by the I2C bus"],
    ),
    ("[court-1, radar-1]}", "[tof-1], near_mm: 9}", 18, FIELD + "court-1.near_mm", ["between 50 and 4000"]),
    # power
    (
        "      court-2: {role: court-1}\n",
        "      court-2: {role: court-1}\n      lock-1: {pin: 6}\n      door-1: {pin: 7}\n",
        24,
        BATTERY + "components.lock-1",
        ["cannot be opened while the board sleeps", "always awake"],
    ),
    (
        "      court-2: {role: court-1}\n",
        "      court-2: {role: court-1}\n      gate-1: {pins: [6, 7]}\n",
        24,
        BATTERY + "components.gate-1",
        ["counts nobody while the board sleeps"],
    ),
    (
        "court-2: {role: court-1}",
        "court-2: {sensors: [radar-1]}",
        23,
        BATTERY + "components.court-2.sensors",
        ["needs a motion sensor: this board sleeps, and nothing else wakes it"],
    ),
    (
        "{role: court-1}",
        "{pin: 6}",
        23,
        BATTERY + "components.court-2.pin",
        ["GPIO 6 cannot wake the esp32c3, and this board sleeps: use GPIO 0 to 5"],
    ),
    ("{role: court-1}", "{pin: 3}", 23, BATTERY + "components.court-2.pin", ["used by the power supply"]),
    (
        "{every_s: 600}",
        "{every_s: 15}",
        21,
        BATTERY + "settings.sleep.awake_s",
        ["must be less than every_s (15) (got 20)"],
    ),
    (
        "{sleep: {every_s: 600}}",
        "{battery: {low_mv: 3800}}",
        21,
        BATTERY + "settings.battery.low_mv",
        ["must be less than low_mv (3800), and that less than ok_mv (3700)"],
    ),
    (
        "{sleep: {every_s: 600}}",
        "{battery: {low_mv: 38}}",
        21,
        BATTERY + "settings.battery.low_mv",
        ["1000 and"],
    ),
    (
        "    board: field-esp32c3\n",
        "    board: field-esp32c3\n    settings: {sleep: {every_s: 60}}\n",
        17,
        "devices.field-1.settings.sleep",
        ["board `field-esp32c3` never sleeps: leave `sleep` out"],
    ),
    (
        "    board: field-esp32c3\n",
        "    board: field-esp32c3\n    settings: {battery: {low_mv: 3300}}\n",
        17,
        "devices.field-1.settings.battery",
        ["measures no battery"],
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), MISTAKES)
def test_one_mistake(tmp_path: Path, old: str, new: str, line: int, field: str, words: list[str]) -> None:
    path = write(tmp_path, changed(old, new, GOOD))
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    problem = caught.value.problems[0]
    assert (problem.line, problem.field) == (line, field)
    for word in words:
        assert word in problem.message
    assert {one.field for one in caught.value.problems} == {field}


def test_nothing_is_wrong_with_it_before(tmp_path: Path) -> None:
    assert load_site(write(tmp_path, GOOD)).site == "test-site"
