"""What a broker retains, read once.

    topics = asyncio.run(gather(address, ["sportbox/v1/site/+/info"]))

No broker tells where the retained messages of a subscription end: it is taken to be there when nothing came
for `settle_s`.
"""

import asyncio
import time
from collections.abc import Sequence

from host_tools.mqtt import Address, connected, subscribe, unreachable

BOUND_S = 10.0
SETTLE_S = 0.3
MESSAGES_MAX = 100_000


async def gather(
    address: Address, filters: Sequence[str], bound_s: float = BOUND_S, settle_s: float = SETTLE_S
) -> dict[str, bytes]:
    """Payload by topic. Raises Unreachable."""
    import aiomqtt

    found: dict[str, bytes] = {}
    heard = time.monotonic()

    async def read(client: aiomqtt.Client) -> None:
        nonlocal heard
        async for message in client.messages:
            heard = time.monotonic()
            if message.retain and isinstance(message.payload, bytes) and len(found) < MESSAGES_MAX:
                found[str(message.topic)] = message.payload

    try:
        async with connected(address) as client:
            reading = asyncio.create_task(read(client))
            try:
                for topic in filters:
                    await subscribe(client, topic, qos=0)
                begin = heard = time.monotonic()
                while time.monotonic() - heard < settle_s:
                    if time.monotonic() - begin > bound_s:
                        break
                    if reading.done():
                        await reading  # the connection is gone: says why
                    await asyncio.sleep(settle_s / 6)
            finally:
                reading.cancel()
    except aiomqtt.MqttError as error:
        raise unreachable(address, error) from error
    return found
