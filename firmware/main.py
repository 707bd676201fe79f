"""Runs the board, or says clearly that it is not provisioned."""

import asyncio

from sportbox.compose import NotProvisioned, load


def run() -> None:
    try:
        config, secrets = load("/config.json"), load("/secrets.json")
    except NotProvisioned as error:
        print("sportbox: not provisioned:", error)
        return
    from sportbox.box import Box

    asyncio.run(Box(config, secrets).run())


run()
