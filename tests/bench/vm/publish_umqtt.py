"""umqtt, by the seventh argument: `simple` or `robust` as it is, `nodelay` (simple with TCP_NODELAY)."""

import sys

from tally import COUNT, HOST, PAYLOAD, PORT, QOS, TOPIC, WARM_UP, Tally

KIND = sys.argv[7]
if KIND == "robust":
    from umqtt.robust import MQTTClient
else:
    from umqtt.simple import MQTTClient


def main():
    topic = TOPIC.encode()
    client = MQTTClient("bench", HOST, PORT, keepalive=60)
    client.connect()
    if KIND == "nodelay":
        client.sock.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
    publish = client.publish
    for _ in range(2 if QOS and KIND != "nodelay" else WARM_UP):  # as it is, each one takes 40 ms
        publish(topic, PAYLOAD, False, QOS)
    tally = Tally()
    tally.begin()
    for _ in range(COUNT - 1):
        publish(topic, PAYLOAD, False, QOS)
    publish(topic, PAYLOAD, False, 1)
    tally.end()
    client.disconnect()


main()
