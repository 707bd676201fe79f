"""The oracle on what the board sends: it can be read, and breaks no rule of MQTT."""

from pathlib import Path

from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from host_tools.storm.oracle.spans import groups_of
from host_tools.storm.weather import menu
from tests.storm.tales import day


def test_what_the_broker_found_malformed() -> None:
    tale = day()
    tale.note(100, "protocol", what="a packet of type 15")
    assert tale.texts() == ["the broker was sent a packet of type 15"]


def test_what_cannot_be_read() -> None:
    tale = day()
    tale.publish(100, "event", '{"id": ')
    tale.publish(101, "event", '{"id": "x"}')
    tale.publish(102, "ack", "[]")
    tale.publish(103, "door-1/state", '"open"', retain=True)
    tale.note(
        104, "publish", conn=1, topic="elsewhere", payload="", qos=1, retain=False, dup=False, acked=True
    )
    texts = tale.texts()
    assert [text.split(" ")[0] for text in texts] == ["event", "event", "ack", "door-1/state", "published"]


def test_flags_that_are_not_those_of_the_topic() -> None:
    tale = day()
    tale.publish(100, "door-1/state", {"state": "closed", "since": None})
    tale.publish(101, "telemetry", {"queue": 0}, qos=1)
    assert tale.texts() == [
        "door-1/state was published with QoS 1, not retained",
        "telemetry was published with QoS 1, not retained",
    ]


def test_a_fault_that_the_oracle_does_not_know() -> None:
    tale = day()
    tale.fault(100, 110, "earthquake")
    assert tale.texts() == ["the oracle does not know the fault earthquake (spans.GROUPS)"]


def test_faults_of_the_plan_stand_in_for_records() -> None:
    tale = day()
    tale.order(100, "a")
    tale.ends(1000, 1900)
    plan = {"number": 1, "at_us": 1_090_000_000, "lasts_us": 60_000_000, "kind": "partition", "args": {}}
    assert len(tale.judged()) == 1
    assert tale.judged([plan]) == []


def test_the_oracle_knows_every_fault_of_the_menu() -> None:
    for site in ("hafensport-rostock", "warnemuende-mole"):
        loaded = load_site(Path(f"sites/{site}.yaml"))
        for device in loaded.devices:
            choices = [*menu.shared(), *menu.own(device_config(loaded, device))]
            assert [choice.kind for choice in choices if not groups_of(choice.kind)] == []
