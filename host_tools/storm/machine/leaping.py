"""A board that does nothing but ping the broker leaps over its pings, as far as nothing else happens.

It asks with a LEAP. While the network is as it should be and nothing is on its way, a ping and its answer
change nothing but when each end heard of the other last. So the broker is told when it heard the last ping,
the board is told how many there were, and the leap ends when anything happens that is on the agenda. The
first ping of a connection is always sent, and so is the next after `LEAPT_MAX` (client.py).
"""

import struct

from host_tools.storm.agenda import Agenda
from host_tools.storm.machine.lockstep import IDLE, Frame
from host_tools.storm.network.net import Net

FLIGHT_US = 250_000
"""In which a ping and its answer are through on a network that is as it should be."""
_PINGS = struct.Struct("<QQ")


def leapt(net: Net, agenda: Agenda, frame: Frame, end_us: int) -> tuple[Frame, int]:
    """What the board does instead, which is sleep, and how many pings it leaps over. One that would be under
    way when something happens is sent: the leap ends when it is due."""
    first_us, every_us = _PINGS.unpack(frame.data)
    pipe = net.at_rest(frame.sock)
    client = None if pipe is None else pipe.client
    left = 0 if client is None else client.pings_to_leap()
    if client is not None:
        client.stop_looking()  # its keepalive is nothing that happens to the board
    happens_us = agenda.notable_us()
    until_us = min(frame.until_us, end_us, end_us if happens_us is None else happens_us)
    count = min(left, max(0, (until_us - FLIGHT_US - first_us) // every_us + 1))
    if client is not None:
        client.leap(count, first_us + (count - 1) * every_us)
    return frame._replace(what=IDLE, until_us=min(until_us, first_us + count * every_us)), count
