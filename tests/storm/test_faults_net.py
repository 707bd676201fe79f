"""Plans on the network, broker and servers of a storm: their knobs are there, and all is well afterwards."""

import dataclasses
import random
from pathlib import Path
from typing import Any

import pytest

from host_tools.storm.network.broker import Broker
from host_tools.storm.network.net import Net
from host_tools.storm.network.outlet import MODES
from host_tools.storm.network.servers import Dns, TimeServer
from host_tools.storm.oracle.spans import groups_of
from host_tools.storm.stage import Stage
from host_tools.storm.weather import faults
from host_tools.storm.weather.menu import BROKER_MODES
from host_tools.storm.weather.plan import made
from tests.storm.played_stage import BOX, FIELD, Played, config_of

HOURS = 12


def on_the_net(stage: Played) -> Stage:
    agenda, trace = stage.agenda, stage.trace
    net = Net(agenda, trace, random.Random(1))
    facts: dict[str, Any] = {
        "net": net,
        "broker": Broker(agenda, trace, net, random.Random(2)),
        "time_server": TimeServer(agenda, trace, net, random.Random(3)),
        "dns": Dns(trace, net, random.Random(4), {}),
    }
    return dataclasses.replace(stage, **facts)


@pytest.mark.parametrize("components", [BOX, FIELD], ids=["box", "field"])
def test_whole_plans_leave_the_network_as_it_was(components: dict[str, Any], run_dir: Path) -> None:
    for seed in range(3):
        plan = made(seed, HOURS, "box-1", config_of(components))
        stage = on_the_net(Played.at(run_dir / f"{seed}", components, plan))
        before = state_of(stage)
        faults.schedule(stage)
        stage.agenda.run_until(plan.end_us)
        assert state_of(stage) == before
        assert not [record for record in stage.trace.records if record["kind"] == "protocol"]


def state_of(stage: Stage) -> list[Any]:
    net, broker, server, dns = stage.net, stage.broker, stage.time_server, stage.dns
    assert isinstance(broker, Broker)
    kept = {topic: payload for topic, payload in broker.retained.items() if "cmd" in topic}
    return [
        (net.latency_us, net.loss, net.partition, net.refuse, net.slow_bytes_s),
        (
            broker.mode,
            broker.is_running,
            broker.is_frozen,
            kept,
        ),
        (server.up, server.lie_s, server.kod, server.garbage),
        (dns.up, dns.garbage, dns.fails),
    ]


def test_all_modes_of_the_broker_but_the_right_one_are_faults() -> None:
    assert set(BROKER_MODES) == set(MODES) - {"ok"}


def test_the_oracle_knows_every_kind() -> None:
    assert not [kind for kind in faults.KINDS if not groups_of(kind)]
