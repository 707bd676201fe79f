"""Runs on a simulated board: what one would write with umqtt.simple, one sensor, once a second."""

import asyncio
import gc
import json

import machine
import network
from umqtt.simple import MQTTClient

with open("/config.json") as file:
    config = json.load(file)


async def main():
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("test", "")
    while not wlan.isconnected():
        await asyncio.sleep_ms(50)
    client = MQTTClient(config["device"], config["broker"]["host"], config["broker"]["port"])
    client.connect()
    sensor = machine.Pin(config["components"]["court-1"]["pir"]["pin"], machine.Pin.IN)
    while True:
        gc.collect()
        told = {"occupied": sensor.value(), "heap_free": gc.mem_free()}
        client.publish("bench/app/" + config["device"], json.dumps(told))
        await asyncio.sleep(1)


asyncio.run(main())
