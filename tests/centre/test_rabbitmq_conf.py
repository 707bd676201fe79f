"""What is written for a RabbitMQ, and that its rights are those of the MQTT filters; no broker runs here."""

import json
import re
from pathlib import Path

import pytest

from host_tools.centre.keyfile import Keys
from host_tools.centre.members import dismiss
from host_tools.centre.model import Centre
from host_tools.centre.output import write_all
from host_tools.centre.rabbitmq import NOTHING, pattern_of
from host_tools.centre.topics import SITE_WRITES, USERS, below
from tests.centre.bench import joined, new_centre

HOSTS = ["mq1.city.example", "mq2.city.example", "mq3.city.example"]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Centre, Keys]:
    return new_centre(tmp_path / "city", "rabbitmq", HOSTS)


def definitions(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    """Users, permissions and topic permissions by user."""
    found = json.loads((folder / "definitions.json").read_text())
    return {
        "users": {one["name"]: one for one in found["users"]},
        "permissions": {one["user"]: one for one in found["permissions"]},
        "topics": {one["user"]: one for one in found["topic_permissions"]},
    }


@pytest.mark.parametrize(
    ("filters", "matches", "no_match"),
    [
        (["a/+/c"], ["a.b.c", "a..c", "a.*.c"], ["a.b.b.c", "a.c", "xa.b.c", "a.b.cx", "a.#.c"]),
        (["a/#"], ["a.b", "a.b.c", "a.#"], ["b.a", "ab"]),
        (["a/b", "c"], ["a.b", "c"], ["a.bc", "a", "a/b", "ab"]),
    ],
)
def test_patterns_are_the_filters(filters: list[str], matches: list[str], no_match: list[str]) -> None:
    pattern = pattern_of(filters)
    assert [one for one in matches if re.search(pattern, one)] == matches
    assert [one for one in no_match if re.search(pattern, one)] == []
    assert pattern_of([]) == NOTHING


def test_a_site_has_rights_below_itself_alone(made: tuple[Centre, Keys], tmp_path: Path) -> None:
    centre, keys = made
    joined(centre, keys, "mole")
    written = write_all(centre, keys, tmp_path / "out")
    assert [one.host for one in written] == HOSTS
    found = definitions(tmp_path / "out" / HOSTS[0])
    assert found["users"]["mole"]["password_hash"] == ""
    assert found["permissions"]["mole"]["configure"] == "^mqtt-subscription-moleqos[01]$"
    may = found["topics"]["mole"]
    assert all(re.search(may["write"], _key(topic)) for topic in below("mole", SITE_WRITES))
    for topic in below("mole-2", SITE_WRITES):
        assert not re.search(may["write"], _key(topic))
    assert not re.search(may["write"], "sportbox.v1.mole.box-1.cmd")
    assert re.search(may["read"], "sportbox.v1.mole.*.cmd")
    assert not re.search(may["read"], "sportbox.v1.*.*.cmd")


def test_who_has_left_keeps_a_user_without_rights(made: tuple[Centre, Keys], tmp_path: Path) -> None:
    centre, keys = made
    joined(centre, keys, "mole")
    dismiss(keys, "mole")
    write_all(centre, keys, tmp_path / "out")
    found = definitions(tmp_path / "out" / HOSTS[1])
    may = {**found["permissions"]["mole"], **found["topics"]["mole"]}
    assert {may["configure"], may["write"], may["read"]} == {NOTHING}


def test_all_nodes_have_the_same_users_and_their_own_names(made: tuple[Centre, Keys], tmp_path: Path) -> None:
    centre, keys = made
    write_all(centre, keys, tmp_path / "out", Path("/etc/rabbitmq"))
    folders = [tmp_path / "out" / host for host in HOSTS]
    assert len({(one / "definitions.json").read_bytes() for one in folders}) == 1
    assert len({(one / "broker.key").read_bytes() for one in folders}) == 3
    for number, folder in enumerate(folders, 1):
        environment = (folder / "rabbitmq-env.conf").read_text()
        assert f"NODENAME=sportbox-{number}@{HOSTS[number - 1]}\n" in environment
        assert f"DIST_PORT={centre.cluster_port}\n" in environment
        conf = (folder / "rabbitmq.conf").read_text()
        assert "load_definitions = /etc/rabbitmq/definitions.json" in conf
        assert f"mqtt.listeners.ssl.1 = {centre.port}\n" in conf
        assert all(f"@{host}\n" in conf for host in HOSTS)
    for user in USERS:
        assert keys.contents.passwords[user].encode() not in (folders[0] / "definitions.json").read_bytes()


def test_what_changed_says_what_to_do(made: tuple[Centre, Keys], tmp_path: Path) -> None:
    centre, keys = made
    assert all("restart" in one.then[0] for one in write_all(centre, keys, tmp_path / "out"))
    assert all((one.changed, one.then) == ([], []) for one in write_all(centre, keys, tmp_path / "out"))
    joined(centre, keys, "mole")
    assert all("import_definitions" in one.then[0] for one in write_all(centre, keys, tmp_path / "out"))


def _key(topic: str) -> str:
    return topic.replace("/", ".").replace("+", "x")
