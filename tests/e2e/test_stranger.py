"""A stranger with any MQTT client and any JWT library gets along with a site from its documents alone."""

import re
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from host_tools.broker import BrokerProcess
from host_tools.sim.board import SimBoard
from host_tools.site.load import load_site
from tests.brokers import wait_until
from tests.e2e.commands import ROSTOCK, SimUp, json_lines, sim_up, sportbox
from tests.e2e.shapes import check_message
from tests.faults.helpers_check import of_components
from tests.faults.helpers_listen import Listener, Message

SITE = "hafensport-rostock"
BASE = f"sportbox/v1/{SITE}/box-1"
OWN_TOPICS = {"availability", "info", "event", "telemetry", "log"}
RETAINED = {"availability", "info"}


def site_file(folder: Path) -> Path:
    """The sample site, with telemetry every second."""
    text = ROSTOCK.read_text()
    assert text.count("telemetry_s: 30") == 1
    path = folder / "site.yaml"
    path.write_text(text.replace("telemetry_s: 30", "telemetry_s: 1"))
    return path


def components_of(path: Path) -> dict[str, set[str]]:
    return {name: set(device.components) for name, device in load_site(path).devices.items()}


def topics_of(components: dict[str, set[str]], own: set[str]) -> set[str]:
    """Every topic that the boards publish on, below the site's."""
    return {
        f"{device}/{rest}"
        for device, names in components.items()
        for rest in own | {f"{name}/state" for name in names}
    }


@pytest.fixture
def site(run_dir: Path) -> Path:
    return site_file(run_dir)


@pytest.fixture
def heard(broker: BrokerProcess, run_dir: Path) -> Iterator[Listener]:
    with Listener(broker.host, broker.port, run_dir, topic="#") as listener:
        yield listener


@pytest.fixture
def up(broker: BrokerProcess, heard: Listener, site: Path, run_dir: Path) -> Iterator[SimUp]:
    with sim_up(site, "--broker", broker.url, state=run_dir / "state") as running:
        yield running


def payloads(heard: Listener, rest: str) -> list[Any]:
    return [m.content for m in heard.messages if m.topic == f"{BASE}/{rest}"]


def retained_of(broker: BrokerProcess, run_dir: Path) -> dict[str, Message]:
    """What a newcomer is given at once."""
    with Listener(broker.host, broker.port, run_dir, topic="#") as newcomer:
        # retained messages come before an answer to what this client asks next
        newcomer.client.publish("end/of/the/retained", b"", qos=1)
        newcomer.wait(lambda new: new.messages and new.messages[-1].topic == "end/of/the/retained", "the end")
        return {m.topic: m for m in newcomer.messages if m.retain}


def order(site: Path, state: Path, component: str) -> str:
    """A token made with PyJWT from the key that `sportbox key` prints, and nothing else of this project."""
    (key,) = json_lines(sportbox("key", site, "box-1", state=state).stdout)
    assert set(key) == {"kty", "k", "kid", "alg"}
    assert (key["kty"], key["alg"], key["kid"]) == ("oct", "HS256", "booking-1")
    now = int(time.time())
    claims = {"aud": f"{SITE}/box-1", "sub": "slot-17", "jti": str(uuid.uuid4()), "iat": now, "nbf": now}
    claims |= {"exp": now + 600, "act": "unlock", "cmp": component}
    return jwt.encode(claims, jwt.PyJWK.from_dict(key).key, "HS256", headers={"kid": key["kid"]})


def test_sees_exactly_the_documented_topics(
    up: SimUp, heard: Listener, broker: BrokerProcess, site: Path, run_dir: Path
) -> None:
    """Every message of every board from power-on: topic, QoS, retained or not, and each field."""
    components = components_of(site)
    wanted = {f"sportbox/v1/{SITE}/{topic}" for topic in topics_of(components, OWN_TOPICS)}

    def told(listener: Listener) -> bool:
        """A message on every topic, and every state and `info` since the board knows the time."""
        newest = {m.topic: m for m in listener.messages}
        states = [m for topic, m in newest.items() if topic.endswith("/state")]
        infos = [m for topic, m in newest.items() if topic.endswith("/info")]
        is_dated = all(m.content["since"] is not None for m in states)
        return set(newest) >= wanted and is_dated and all(m.content["clock"] == "ntp" for m in infos)

    heard.wait(told, "a message on every topic, with its time")
    newest = {m.topic: m for m in heard.messages}
    assert set(newest) == wanted
    for message in heard.messages:
        assert not message.retain, f"retained from nowhere: {message}"
        check_message(message, SITE, components)
    for device, names in components.items():
        base = f"sportbox/v1/{SITE}/{device}"
        assert newest[f"{base}/availability"].payload == b"online"
        info = newest[f"{base}/info"].content
        assert (info["clock"], info["boot"], info["reset"]) == ("ntp", 1, "power_on")
        for name in names:
            assert newest[f"{base}/{name}/state"].content["since"] is not None
    kept = retained_of(broker, run_dir)
    lasting = {f"sportbox/v1/{SITE}/{topic}" for topic in topics_of(components, RETAINED)}
    assert set(kept) == lasting
    for topic, message in kept.items():
        assert message.payload == newest[topic].payload, topic
    # the order on a connection: what the board is, `online`, telemetry, events
    rests = [m.topic.removeprefix(f"{BASE}/") for m in heard.messages if m.topic.startswith(BASE + "/")]
    first_event, online = rests.index("event"), rests.index("availability")
    assert "info" in rests[:online] and online < rests.index("telemetry") < first_event
    assert {f"{name}/state" for name in components["box-1"]} <= set(rests[:online])


def test_opens_a_compartment(up: SimUp, heard: Listener, site: Path, run_dir: Path) -> None:
    token = order(site, up.state, "lock-2")
    jti = jwt.decode(token, options={"verify_signature": False})["jti"]
    world = SimBoard(up.state / "boards" / "box-1")
    assert world.set("door-2", "pull")["said"] == "stayed shut"
    heard.client.publish(f"{BASE}/cmd", token, qos=1)
    heard.wait(lambda h: payloads(h, "ack"), "an answer")
    wait_until(lambda: world.show()["locks"]["lock-2"]["energised"], "the strike to be released")
    assert [a["result"] for a in payloads(heard, "ack")] == ["accepted"]
    assert world.set("door-2", "pull")["moved"]
    heard.wait(lambda h: len(payloads(h, "ack")) == 2, "the final answer")
    accepted, done = payloads(heard, "ack")
    assert (accepted["jti"], accepted["result"], accepted["reason"]) == (jti, "accepted", None)
    assert (done["jti"], done["result"], done["reason"]) == (jti, "done", None)
    world.set("door-2", "closed")
    latched = "sportbox.lock.locked"
    heard.wait(lambda h: latched in [e["type"] for e in payloads(h, "event")], "the latch to fall")
    states = [s["state"] for s in payloads(heard, "lock-2/state")]
    assert states[-4:] == ["unlocking", "unlocked", "locking", "locked"]
    assert [s["state"] for s in payloads(heard, "door-2/state")][-2:] == ["open", "closed"]
    assert not world.show()["locks"]["lock-2"]["energised"]
    mine = [e for e in payloads(heard, "event") if e["source"].endswith("-2")]
    told = of_components(mine, "lock-2")
    assert told == ["access.accepted", "lock.unlocked", "access.done", "lock.locked"]
    assert of_components(mine, "door-2") == ["door.opened", "door.closed"]
    assert {e["data"]["jti"] for e in mine[:4]} == {jti}
    assert all(e["time"] for e in mine) and not any("historical" in e for e in mine)
    components = components_of(site)
    for message in heard.messages:
        if not message.topic.endswith("/cmd"):
            check_message(message, SITE, components)


def test_hears_of_a_board_without_power(
    up: SimUp, heard: Listener, broker: BrokerProcess, run_dir: Path
) -> None:
    """The last will."""
    sportbox("sim", "cut", "box-1", state=up.state)
    topic = f"{BASE}/availability"
    heard.wait(
        lambda h: [m.payload for m in h.messages if m.topic == topic][-1:] == [b"offline"], "`offline`"
    )
    assert retained_of(broker, run_dir)[topic].payload == b"offline"
    sportbox("sim", "boot", "box-1", state=up.state)
    heard.wait(lambda h: [m.payload for m in h.messages if m.topic == topic][-1:] == [b"online"], "`online`")


@pytest.mark.skipif(shutil.which("mosquitto_sub") is None, reason="mosquitto_sub is not installed")
def test_mosquitto_sub_and_pub_will_do(up: SimUp, broker: BrokerProcess, site: Path) -> None:
    """The shell of any Linux machine: `mosquitto_sub` watches, `mosquitto_pub` opens."""
    where = ["-h", broker.host, "-p", str(broker.port)]
    watch = ["mosquitto_sub", *where, "-q", "1", "-F", "%r %q %t %p", "-t", f"{BASE}/#", "-W", "30"]
    world = SimBoard(up.state / "boards" / "box-1")
    log = up.state / "mosquitto_sub.log"
    with log.open("w") as out:
        watcher = subprocess.Popen(watch, stdout=out)
    try:
        wait_until(lambda: f"1 1 {BASE}/availability online\n" in log.read_text(), "retained messages")
        token = order(site, up.state, "lock-1")
        publish = ["mosquitto_pub", *where, "-q", "1", "-t", f"{BASE}/cmd", "-s"]
        subprocess.run(publish, input=token, text=True, check=True, timeout=10)
        wait_until(lambda: '"result": "accepted"' in log.read_text(), "`accepted`")
        wait_until(lambda: bool(world.set("door-1", "pull")["moved"]), "the door to open")
        wait_until(lambda: '"result": "done"' in log.read_text(), "`done`")
        world.set("door-1", "closed")
        figures = re.compile(rf"^0 0 {BASE}/telemetry ", re.MULTILINE)
        wait_until(lambda: figures.search(log.read_text()) is not None, "telemetry")
    finally:
        watcher.kill()  # asked to end, it may wait for its next packet
        watcher.wait(5)
