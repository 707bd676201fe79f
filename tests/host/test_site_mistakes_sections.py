"""Mistakes in the sections of version 2: outputs, hours, networks, bridge, audit."""

from pathlib import Path

import pytest

from host_tools.site.load import SiteFileError, load_site, read_site
from tests.host.helpers import NEWEST, changed, write

HEAD = "version: 2\nsite: s\n"
DEVICES = "devices:\n  b:\n    board: box-esp32s3\n    components:\n      lock-1: \n      door-1:\n"
LOCK = "devices.b.components.lock-1.opening"

# what is put before `devices` (line 3 on), the field and words of the message
MISTAKES: list[tuple[str, str, list[str]]] = [
    ("outputs: {home_asistant: {}}", "outputs.home_asistant", ["did you mean `home_assistant`?"]),
    ("outputs: {home_assistant: {prefix: a//b}}", "outputs.home_assistant.prefix", ["topic", '"a//b"']),
    ("outputs: {home_assistant: {prefix: 'a/#'}}", "outputs.home_assistant.prefix", ["topic"]),
    ("outputs: {sensorthings: {}}", "outputs.sensorthings.url", ["is required"]),
    ("outputs: {sensorthings: {url: ftp://a}}", "outputs.sensorthings.url", ["http:// or https://"]),
    ("outputs: {sensorthings: {url: https://a, usr: b}}", "outputs.sensorthings.usr", ["`user`"]),
    ("outputs: {sensorthings: {url: https://a, user: b}}", "outputs.sensorthings.secret", ["is required"]),
    ("outputs: {ngsi_ld: {url: 'https://a/?x=1'}}", "outputs.ngsi_ld.url", ["without", "query"]),
    ("outputs: {ngsi_ld: {url: https://a, tenant: A-B}}", "outputs.ngsi_ld.tenant", ["lower-case letters"]),
    ("outputs: {ngsi_ld: {url: https://a, secret: A!}}", "outputs.ngsi_ld.secret", ["a name"]),
    ("outputs: {ngsild: {url: https://a}}", "outputs.ngsild", ["did you mean `ngsi_ld`?"]),
    ("audit: {retention_days: 0}", "audit.retention_days", ["between 1 and 3650", "got 0"]),
    ("audit: {retention: 9}", "audit.retention", ["did you mean `retention_days`?"]),
    ("broker: {bridge: {port: 1}}", "broker.bridge.host", ["is required"]),
    ("broker: {bridge: {host: c, other: [d]}}", "broker.bridge.other", ["`others`"]),
    ("broker: {bridge: {host: c, others: [d, c]}}", "broker.bridge.others.1", ["twice", "`c`"]),
    ("broker: {kind: mosquito}", "broker.kind", ["`embedded`, did you mean `mosquitto`? ("]),
    ("broker: {kind: mqtt5}", "broker.kind", ["`embedded` (got"]),
    ("defaults: {log_level: warn}", "defaults.log_level", ["did you mean `warning`?"]),
    ("broker: {directory: ''}", "broker.directory", ["a path"]),
    ("broker: {directry: x}", "broker.directry", ["did you mean `directory`?"]),
    ("alarm_times: [{from: '25:00'}]", "alarm_times.0.from", ["time of day", '"25:00"']),
    ("alarm_times: [{form: '22:00'}]", "alarm_times.0.form", ["did you mean `from`?", "days, from, to"]),
    ("alarm_times: [{from: '08:00', to: '08:00'}]", "alarm_times.0.to", ["must differ from `from`"]),
    ("alarm_times: [{days: [mon, mon]}]", "alarm_times.0.days", ["a day twice"]),
    ("alarm_times: [{days: [monday]}]", "alarm_times.0.days.0", ["`sun`, did you mean `mon`? (", '"monday"']),
    ("alarm_times: []", "alarm_times", ["1 to 14", "got 0"]),
    ("alarm_time: []", "alarm_time", ["did you mean `alarm_times`?"]),
    ("defaults: {opening: [{to: '00:00'}]}", "defaults.opening.0.to", ["must differ"]),
    ("wifi: {a: {ssid: ''}}", "wifi.a.ssid", ["1 to 32"]),
    ("wifi: {a: {}, A: {}}", "wifi.A", ["is no name"]),
    ("wifi: {}", "wifi", ["1 to 16", "got 0"]),
    ("wifi: {ssid: net}", "wifi.ssid", ["a mapping", '"net"']),
]


@pytest.mark.parametrize(("added", "field", "words"), MISTAKES)
def test_one_mistake(tmp_path: Path, added: str, field: str, words: list[str]) -> None:
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, f"{HEAD}{added}\n{DEVICES}"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (3, field)
    for word in words:
        assert word in problem.message


@pytest.mark.parametrize("components", ["5", "true", "lock-1", "[lock-1]"])
def test_components_that_are_none(tmp_path: Path, components: str) -> None:
    """Also beside TLS, where their locks are counted."""
    device = f"devices:\n  b:\n    board: box-esp32s3\n    components: {components}\n"
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, f"{HEAD}{device}"))
    (problem,) = caught.value.problems
    assert problem.field == "devices.b.components"
    assert problem.message.startswith("must be a mapping")


@pytest.mark.parametrize(
    ("lock", "field", "words"),
    [
        ("{opening: [{from: '9:00'}]}", f"{LOCK}.0.from", ["time of day"]),
        ("{opening: [{from: '24:00', to: '24:00'}]}", f"{LOCK}.0.to", ["must differ"]),
        ("{opening: {from: '08:00'}}", LOCK, ["a list of 1 to 14"]),
        ("{openings: []}", "devices.b.components.lock-1.openings", ["did you mean `opening`?"]),
    ],
)
def test_a_mistake_at_a_lock(tmp_path: Path, lock: str, field: str, words: list[str]) -> None:
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, HEAD + changed("lock-1: ", f"lock-1: {lock}", DEVICES)))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (7, field)
    for word in words:
        assert word in problem.message


def test_a_network_that_there_is_not(tmp_path: Path) -> None:
    text = f"{HEAD}wifi: {{office: {{}}, field: {{}}}}\n" + changed(
        "  b:\n", "  b:\n    wifi: ofice\n", DEVICES
    )
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (6, "devices.b.wifi")
    assert "did you mean `office`?" in problem.message


def test_a_password_in_an_address_is_not_repeated(tmp_path: Path) -> None:
    added = "outputs: {ngsi_ld: {url: 'https://ops:geheim@broker.example'}}"
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, f"{HEAD}{added}\n{DEVICES}"))
    assert "geheim" not in str(caught.value)
    assert "without user, password" in str(caught.value)


def test_a_secret_over_plain_http_is_noted(tmp_path: Path) -> None:
    added = "outputs: {ngsi_ld: {url: 'http://a', secret: token}, sensorthings: {url: 'http://b'}}"
    notes = read_site(write(tmp_path, f"{HEAD}{added}\n{DEVICES}"))[1]
    assert [note.field for note in notes] == ["outputs.ngsi_ld.url", "outputs.sensorthings"]


def test_what_the_sections_say(tmp_path: Path) -> None:
    added = (
        "broker: {directory: conf, bridge: {host: c.example}}\n"
        "wifi: {a: {ssid: one}, b: {ssid: two}}\n"
        "defaults: {opening: [{from: '08:00', to: '20:00'}]}\n"
    )
    path = write(tmp_path, HEAD + added + changed("  b:\n", "  b:\n    wifi: b\n", DEVICES))
    site = load_site(path)
    assert site.broker.folder(path) == tmp_path / "conf"
    assert site.broker.bridge is not None
    assert site.broker.bridge.endpoints == [("c.example", 8883)]
    assert (site.first_network.ssid, site.network_of("b").ssid) == ("one", "two")
    assert [hours.facts() for hours in site.opening_of("b", "lock-1") or ()] == [[28_800, 72_000, 0b1111111]]
    assert load_site(write(tmp_path, NEWEST)).broker.folder(path) == tmp_path / "site.broker"


@pytest.mark.parametrize(("tls", "count"), [("true", 7), ("true", 6), ("false", 8)])
def test_more_locks_than_a_board_holds_beside_tls(tmp_path: Path, tls: str, count: int) -> None:
    lines = [f"      lock-{n}: {{}}\n      door-{n}: {{}}\n" for n in range(1, count + 1)]
    text = f"{HEAD}broker: {{tls: {tls}}}\n{DEVICES.partition('      lock-1')[0]}{''.join(lines)}"
    if count == 7:
        with pytest.raises(SiteFileError) as caught:
            load_site(write(tmp_path, text))
        assert any("memory for 6" in found.message for found in caught.value.problems)
    else:
        try:
            load_site(write(tmp_path, text))
        except SiteFileError as error:
            assert not any("memory" in found.message for found in error.problems)
