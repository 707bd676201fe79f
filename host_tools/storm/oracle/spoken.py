"""The board speaks the protocol: what it sends can be read, and breaks no rule of MQTT."""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import Broken
from host_tools.storm.oracle.reading import Run

QOS = {"event": 1, "ack": 1, "info": 1, "availability": 1, "telemetry": 0, "log": 0}
RETAINED = ("info", "availability")


def packets_are_right(run: Run) -> Iterator[Broken]:
    """The broker found nothing malformed."""
    for record in run.records_of("protocol"):
        yield Broken("protocol", record["us"], f"the broker was sent {record.get('what')}", (record,))


def payloads_are_right(run: Run) -> Iterator[Broken]:
    for record, what in run.unreadable:
        yield Broken("protocol", record["us"], what, (record,))


def flags_are_right(run: Run) -> Iterator[Broken]:
    """QoS and retain flag of each topic are those of the protocol's table."""
    base = f"sportbox/v1/{run.config['site']}/{run.device}/"
    for record in run.records_of("publish"):
        topic = str(record["topic"]).removeprefix(base)
        is_state = topic.endswith("/state")
        qos = 1 if is_state else QOS.get(topic)
        if qos is None:
            continue
        retain = is_state or topic in RETAINED
        if record["qos"] != qos or bool(record["retain"]) != retain:
            flags = f"QoS {record['qos']}, {'retained' if record['retain'] else 'not retained'}"
            yield Broken("protocol", record["us"], f"{topic} was published with {flags}", (record,))


def faults_are_known(run: Run) -> Iterator[Broken]:
    """A fault of a kind that the oracle has never heard of would explain nothing."""
    for name in run.faults.unknown():
        yield Broken("oracle", run.begin_us, f"the oracle does not know the fault {name} (spans.GROUPS)")
