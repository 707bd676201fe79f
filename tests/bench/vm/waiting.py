"""What a builder would write, with nothing to do.

    micropython waiting.py umqtt HOST PORT NAME      asks every 20 ms whether something has come
    micropython waiting.py asyncio HOST PORT NAME    a reader waits at one open socket, no more
    micropython waiting.py watched HOST PORT NAME    the same, and each second a task wakes up

`umqtt` pings each 30 s and tells of itself as often, as a board does; what that says has 400 bytes.
"""

import asyncio
import sys
import time

ASKS_MS = 20
TELLS_MS = 30000
TELEMETRY = b"." * 400


async def poll(host, port, name):
    from umqtt.simple import MQTTClient

    client = MQTTClient(name, host, port, keepalive=60)
    client.set_callback(print)
    client.connect()
    client.subscribe(name + b"/cmd")
    told_ms = time.ticks_ms()
    while True:
        client.check_msg()
        if time.ticks_diff(time.ticks_ms(), told_ms) >= TELLS_MS:
            told_ms = time.ticks_ms()
            client.ping()
            client.publish(name + b"/telemetry", TELEMETRY)
        await asyncio.sleep_ms(ASKS_MS)  # time.sleep_ms wakes up each millisecond on this VM


async def wait(host, port):
    reader, _ = await asyncio.open_connection(host, port)
    while await reader.read(100):
        pass


async def watch():
    while True:
        await asyncio.sleep(1)


async def main(kind, host, port, name):
    if kind == "umqtt":
        await poll(host, int(port), name.encode())
    elif kind == "watched":
        await asyncio.gather(wait(host, int(port)), watch())
    else:
        await wait(host, int(port))


asyncio.run(main(*sys.argv[1:]))
