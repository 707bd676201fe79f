"""A ceiling from outside the VM: paho on CPython publishes as fast as its window lets it.

python paho_publish.py HOST PORT QOS WINDOW COUNT
"""

import json
import sys
import threading
import time
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

TOPIC, PAYLOAD, WARM_UP, TIMEOUT_S = "sportbox/v1/bench/box-1/event", bytes(100), 20, 60.0


class Sender:
    """Sends the next message whenever one has arrived and there is room in the window."""

    def __init__(self, client: mqtt.Client, qos: int, window: int) -> None:
        self.client, self.qos, self.window = client, qos, window
        self.left = self.waiting = 0
        self.over = threading.Event()
        client.on_publish = self.published

    def published(self, *_: Any) -> None:
        self.waiting -= 1
        self.fill()
        if not self.left and not self.waiting:
            self.over.set()

    def fill(self) -> None:
        while self.left and self.waiting < self.window:
            self.left -= 1
            self.waiting += 1
            self.client.publish(TOPIC, PAYLOAD, self.qos if self.left else 1)

    def publish(self, count: int) -> None:
        """From the client's own thread: two that take turns would be slower."""
        self.left = count
        self.over.clear()
        self.fill()
        while not self.over.is_set():
            if self.client.loop(TIMEOUT_S) != mqtt.MQTT_ERR_SUCCESS:
                raise OSError("the connection was lost")


def main() -> None:
    host, port, qos, window, count = sys.argv[1], *map(int, sys.argv[2:])
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(max(window, 1))
    client.connect(host, port)
    while not client.is_connected():
        client.loop(TIMEOUT_S)
    sender = Sender(client, qos, window)
    sender.publish(WARM_UP)
    begin_ns = time.perf_counter_ns()
    sender.publish(count)
    us = (time.perf_counter_ns() - begin_ns) // 1000
    client.disconnect()
    print(json.dumps({"messages": count, "us": us, "bytes": None}))


if __name__ == "__main__":
    main()
