"""Pure rules: no machine, network, asyncio or time; the caller passes the time in."""
