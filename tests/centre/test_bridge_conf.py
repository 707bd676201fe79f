"""What is written for the bridge; the other tests of this folder hold it against real brokers."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from host_tools.centre.bridge import CA_FILE, CERTIFICATE_FILE, KEY_FILE, LIMITS, bridge_conf
from host_tools.centre.topics import IN, OUT, SITE_READS, SITE_WRITES, USERS, filters_for, retained_topics
from host_tools.setup.paths import REPOSITORY
from host_tools.site.load import load_site

CREDENTIALS = SimpleNamespace(certificate=b"certificate", key=b"key", ca=b"ca")
FOLDER = Path("/etc/mosquitto/sportbox")


def conf(*endpoints: tuple[str, int]) -> tuple[list[str], dict[str, bytes]]:
    text, files = bridge_conf("mole", endpoints, CREDENTIALS, FOLDER)
    return text.splitlines(), files


def test_the_key_is_in_a_file_and_not_in_the_text() -> None:
    lines, files = conf(("centre.example", 8883))
    assert files == {CA_FILE: b"ca", CERTIFICATE_FILE: b"certificate", KEY_FILE: b"key"}
    assert f"bridge_keyfile {FOLDER / KEY_FILE}" in lines
    assert not any(line.endswith(" key") for line in lines)


def test_every_node_is_named_the_first_is_preferred() -> None:
    lines, _ = conf(("one.example", 8883), ("fd00::2", 8884))
    assert "addresses one.example:8883 [fd00::2]:8884" in lines
    assert not any(line.startswith("round_robin") for line in lines)


def test_no_topic_goes_both_ways() -> None:
    lines, _ = conf(("centre.example", 8883))
    topics = [line.split() for line in lines if line.startswith("topic ")]
    assert {topic[2] for topic in topics} == {"in", "out"}
    assert len({topic[1] for topic in topics}) == len(topics) == len(OUT) + len(IN)
    assert all(topic[1].startswith("sportbox/v1/mole/") for topic in topics)
    assert [topic[1] for topic in topics if topic[2] == "in"] == ["sportbox/v1/mole/+/cmd"]


def test_a_site_may_do_what_its_bridge_does_and_writes_no_orders() -> None:
    assert set(OUT) <= set(SITE_WRITES)
    assert set(IN) <= set(SITE_READS)
    assert not set(SITE_WRITES) & {*SITE_READS, "+/cmd", "#"}


def test_only_booking_writes_at_the_centre() -> None:
    assert {user: writes for user, (writes, _) in USERS.items() if writes} == {"booking": ("+/cmd",)}


def test_the_limits_keep_order_and_hold_a_day() -> None:
    assert LIMITS["max_inflight_bytes"] == "1"
    assert int(LIMITS["max_queued_messages"]) >= 150_000


@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_brokers_with_wildcards_for_retained_messages_get_one_filter(kind: str) -> None:
    site = load_site(REPOSITORY / "sites" / "warnemuende-mole.yaml")
    assert filters_for(site, kind) == [f"sportbox/v1/{site.site}/#"]  # type: ignore[arg-type]


def test_rabbitmq_is_asked_for_every_retained_topic_by_name() -> None:
    site = load_site(REPOSITORY / "sites" / "warnemuende-mole.yaml")
    filters = filters_for(site, "rabbitmq")
    assert filters == [*retained_topics(site), f"sportbox/v1/{site.site}/#"]
    assert not any(mark in topic for topic in filters[:-1] for mark in "+#")
    device, settings = next(iter(site.devices.items()))
    for component in settings.components:
        assert f"sportbox/v1/{site.site}/{device}/{component}/state" in filters
    assert filters_for(site, "rabbitmq", rest=False) == filters[:-1]
