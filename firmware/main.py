"""Hands the board to the firmware in one of its two slots. This file and /loader come over a cable only; why,
and what the loader decides: docs/adr/0021-two-slots.md. It defines nothing: what is here stays in memory."""

import asyncio
import gc
import os
import sys

gc.threshold(16384)  # what stays of loading gathers at the heap's beginning: the free rest stays whole
there = False
for path in ("/hold", "/provisioning"):
    try:
        os.stat(path)
        there = True
    except OSError as error:
        if error.errno != 2:  # ENOENT. Flash that does not tell: nothing runs
            there = True
found = sys.path[0]
sys.path[:] = ["/loader", ".frozen"]
if there:
    from service import serve

    serve()
    sys.path[0] = found
else:
    from begin import begin

    slot = begin()
    del begin
    if slot is not None:
        sys.path[0] = slot
        try:
            from sportbox.run import start

            board = start()
            del start
            asyncio.run(board)
        except Exception as error:
            sys.path[0] = "/loader"
            from fallen import fallen

            fallen(error)
