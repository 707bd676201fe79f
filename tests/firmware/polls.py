"""How often the event loop looks whether something is due or has come."""

import asyncio


class CountedPolls:
    """Stands between the loop and its poll object until `end()`."""

    def __init__(self):
        self._queue = asyncio.core._io_queue
        self._poller = self._queue.poller
        self._queue.poller = self
        self.polls = 0

    def register(self, *args):
        return self._poller.register(*args)

    def modify(self, *args):
        return self._poller.modify(*args)

    def unregister(self, *args):
        return self._poller.unregister(*args)

    def ipoll(self, timeout_ms):
        self.polls += 1
        return self._poller.ipoll(timeout_ms)

    def end(self):
        self._queue.poller = self._poller
