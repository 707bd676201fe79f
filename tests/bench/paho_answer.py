"""A ceiling from outside the VM: paho on CPython answers each order that comes at once, and checks nothing.

python paho_answer.py HOST PORT NAME QOS

As vm/answering.py: NAME/cmd at QoS 1, and on NAME/ack at QOS 80 bytes that end in the order's own end.
"""

import socket
import sys
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ANSWER_BYTES, TAIL_BYTES = 80, 43


def at_once(_client: mqtt.Client, _data: Any, connection: Any) -> None:
    """It sends PUBACK and answer apart: without this the second waits for the broker's delayed ACK."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def main() -> None:
    host, port, name, qos = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name)

    def answer(_client: mqtt.Client, _data: Any, order: mqtt.MQTTMessage) -> None:
        client.publish(f"{name}/ack", order.payload[-TAIL_BYTES:].rjust(ANSWER_BYTES, b"."), qos)

    def begin(*_: Any) -> None:
        client.subscribe(f"{name}/cmd", 1)

    client.on_socket_open = at_once
    client.on_connect = begin
    client.on_message = answer
    client.connect(host, port)
    client.loop_forever()


if __name__ == "__main__":
    main()
