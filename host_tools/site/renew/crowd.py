"""Renewals for many boards, several at once; one that fails does not stop the others."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from host_tools.errors import ToolError
from host_tools.mqtt import Address, Topics
from host_tools.site.renew.blob import Renewal
from host_tools.site.renew.push import Keys, Limits, Result, Say, push

WIDTH = 8
"""So many boards at once: each has a connection of its own, and restarts."""


@dataclass(frozen=True, repr=False)
class Job:
    device: str
    renewal: Renewal
    keys: Keys


def push_all(
    address: Address,
    site: str,
    jobs: Iterable[Job],
    done: Callable[[Job, Result], None],
    say: Say,
    limits: Limits | None = None,
    width: int = WIDTH,
) -> dict[str, ToolError]:
    """What went wrong, by device. `done` is called as each board has taken its renewal over."""

    async def run() -> dict[str, ToolError]:
        left: dict[str, ToolError] = {}
        room = asyncio.Semaphore(width)

        async def one(job: Job) -> None:
            async with room:
                try:
                    result = await push(address, Topics(site, job.device), job.keys, job.renewal, say, limits)
                    done(job, result)
                except ToolError as error:
                    left[job.device] = error

        await asyncio.gather(*(one(job) for job in jobs))
        return left

    return asyncio.run(run())
