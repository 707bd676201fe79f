"""The firmware against a broker that misbehaves in every way that a scripted peer knows. What happens in each
scene, and what must hold, is in helpers_scene.py.
"""

import asyncio
from collections.abc import Callable

from tests.faults import packets
from tests.faults.helpers import Bench, Board, eventually
from tests.faults.helpers_check import check_events, check_stalls
from tests.faults.helpers_listen import messages_of
from tests.faults.helpers_scene import COMMAND_ID, QUIET, Begin, Fault, Scene, behave, play, say
from tests.faults.peer import Peer

MARKER_ID = 999


def test_silence(bench: Bench) -> None:
    """Whatever the peer leaves out, a deadline ends the connection."""
    play(
        bench,
        Fault("never CONNACK", behave(connack="never")),
        Fault("never SUBACK", behave(suback="never")),
        Fault("never PUBACK", behave(close=False, puback="never"), again=True),
        Fault("every second PUBACK dropped", behave(close=False, puback="every second")),
        Fault("PUBACKs of other packets", behave(close=False, puback="wrong id")),
        Fault(
            "never PINGRESP",
            behave(close=False, pingresp="never"),
            mqtt={"keepalive_s": 2},
            config=QUIET,
            last_s=1.0,
        ),
        Fault("nothing is read", behave(close=False, read=False)),
        Fault("half a CONNACK", behave(connack="truncated")),
    )


def test_refusals_and_endings(bench: Bench) -> None:
    """The board sees what has happened, and needs no deadline."""
    play(
        bench,
        *(
            Fault(name, begin, at_once=True)
            for name, begin in {
                "CONNACK with a refusal": behave(connack="refuse"),
                "CONNACK too short": behave(connack="short"),
                "SUBACK with a refusal": behave(suback="refuse"),
                "closed after five packets": behave(close_after=5),
                "closed after ten packets": behave(close_after=10),
                "closed at once": behave(close_after=1),
            }.items()
        ),
    )


def test_malformed_bytes(bench: Bench, seed: int) -> None:
    """Any of them ends the connection, and never the program."""
    command = packets.publish("sportbox/v1/test-site/box-1/cmd", b"x.y.z")
    last = {"sportbox.gate.passed", "sportbox.lock.locked", "sportbox.device.clock"}

    def quiet(peer: Peer) -> bool:
        """Nothing is in flight, so no PUBACK can be missed: the packet itself has a deadline."""
        told = {m.content["type"] for m in messages_of(peer.packets()) if m.topic.endswith("/event")}
        return told >= last

    play(
        bench,
        *(Fault(f"garbage {i}", say(packets.garbage(seed + i))) for i in range(3)),
        Fault("half a packet", say(packets.half(command))),
        Fault("the first byte of a packet", say(command[:1])),
        Fault("a length of 256 MB", say(packets.HUGE_LENGTH)),
        Fault(
            "half a packet on a quiet line",
            lambda peer, *_: peer.send(packets.half(command)),
            when=quiet,
            connections=1,
            config=QUIET,
        ),
    )


def test_packets_that_no_broker_may_send(bench: Bench) -> None:
    wrong = {
        "a reserved type": packets.RESERVED_TYPE,
        "QoS 3": packets.QOS_3,
        "a topic longer than its packet": packets.HUGE_TOPIC,
        "a length without an end": packets.ENDLESS_LENGTH,
        "a second CONNACK": packets.connack(),
        "a stray SUBACK": packets.suback(9, b"\x01"),
        "a client's SUBSCRIBE": bytes.fromhex("8206 0001 0001 61 01"),
        "a PUBLISH with packet id 0": packets.publish("a", b"x", packet_id=0),
        "a PUBACK with five bytes": packets.packet(packets.PUBACK, b"\0\1\2"),
    }
    play(bench, *(Fault(name, say(raw), at_once=True) for name, raw in wrong.items()))


def test_what_a_connection_outlives(bench: Bench) -> None:
    """Odd, but no fault of the connection: it stays."""

    def strays(peer: Peer, _board: Board, _token: str) -> None:
        peer.send(b"".join(packets.puback(packet_id) for packet_id in range(40_000, 40_050)))

    def again(peer: Peer, board: Board, token: str) -> None:
        same = packets.publish(f"{board.base}/cmd", token.encode(), packet_id=COMMAND_ID, dup=True)
        peer.send(same * 3)

    def trickle(peer: Peer, _board: Board, _token: str) -> None:
        """Byte by byte, and nothing else in between."""
        message = packets.publish("sportbox/v1/somebody/else", b"not for this board", packet_id=77)
        peer.behaviour.when_subscribed = [bytes([byte]) for byte in message]
        peer.close_connections()

    def pubacks_of(packet_id: int, count: int = 1) -> Callable[[Peer], bool]:
        return lambda peer: [p.packet_id for p in peer.packets("PUBACK")].count(packet_id) == count

    def said(figure: str, least: int) -> Callable[[Peer], bool]:
        def found(peer: Peer) -> bool:
            told = [m.content for m in messages_of(peer.packets()) if m.topic.endswith("/telemetry")]
            return int(told[-1][figure]) >= least

        return found

    play(
        bench,
        Fault("stray PUBACKs", strays, felt=said("stray_pubacks", 50), connections=0),
        Fault(
            "each PUBACK twice", behave(False, puback="twice"), felt=said("stray_pubacks", 1), connections=0
        ),
        Fault("the same order three times more", again, felt=pubacks_of(COMMAND_ID, 4), connections=0),
        Fault("a message for others, byte by byte", trickle, felt=pubacks_of(77), connections=1),
    )


def test_orders_come_again_on_each_connection(bench: Bench) -> None:
    """As after a broker's restart from a stale disk; retained, or sent anew."""

    def again(retain: bool) -> Begin:
        def begin(peer: Peer, board: Board, token: str) -> None:
            command = packets.publish(f"{board.base}/cmd", token.encode(), retain=retain, dup=not retain)
            peer.behaviour.when_subscribed = [command]
            peer.close_connections()

        return begin

    def on_each() -> Callable[[Peer], bool]:
        """Close each connection once the order was acknowledged on it, until that was four times."""
        closed_after = 0

        def felt(peer: Peer) -> bool:
            nonlocal closed_after
            acked = [p.packet_id for p in peer.packets("PUBACK")].count(1)
            if closed_after < acked < 4:
                closed_after = acked
                peer.close_connections()
            return acked >= 4

        return felt

    play(
        bench,
        Fault("retained", again(True), felt=on_each(), refusals=[("rejected", "retained")]),
        Fault("sent anew", again(False), felt=on_each(), refusals=[("rejected", "replayed")]),
    )


def test_oversized(bench: Bench) -> None:
    """Well-formed but too large: drained, acknowledged, refused, and the connection stays."""
    sizes = (2_049, 5_000, 300_000)

    def begin(peer: Peer, board: Board, _token: str) -> None:
        for packet_id, size in enumerate(sizes, 100):
            peer.send(packets.oversized(f"{board.base}/cmd", size, packet_id))

    def felt(peer: Peer) -> bool:
        pubacks = {p.packet_id for p in peer.packets("PUBACK")}
        acks = [m.content for m in messages_of(peer.packets()) if m.topic.endswith("/ack")]
        refused = [a for a in acks if (a["result"], a["reason"]) == ("rejected", "too_large")]
        return pubacks >= {100, 101, 102} and len(refused) == len(sizes)

    play(bench, Fault("too large", begin, connections=0, felt=felt))


def test_each_byte_of_an_order_flipped(bench: Bench, seed: int) -> None:
    """Wherever a bit of the order's packet tips over: nothing moves, and the board answers the next one."""
    scene = Scene(bench, Fault("flipped bytes", behave(False)), 1)
    with scene.peer as peer:

        def marked() -> int:
            return [p.packet_id for p in peer.packets("PUBACK")].count(MARKER_ID)

        async def send(raw: bytes) -> None:
            """One packet; a second order behind it tells that it is dealt with."""
            await eventually(
                lambda: peer.open_connections == 1 and len(peer.packets("SUBSCRIBE")) == peer.accepted,
                "a connection",
            )
            connections, marks = peer.accepted, marked()
            peer.send(raw + packets.publish(f"{scene.board.base}/cmd", b"marker", packet_id=MARKER_ID))
            await eventually(
                lambda: peer.accepted > connections or marked() > marks,
                "an answer or the end of the connection",
            )

        async def play_it() -> None:
            await scene.boot()
            await scene.give_order()
            await scene.lend()
            bad = scene.board.token("lock-2", secret=b"k" * 32)[-40:]
            order = packets.publish(f"{scene.board.base}/cmd", bad.encode())
            for raw in packets.every_byte_flipped(order, seed):
                await send(raw)
            scene.board.set("door-2", "open")
            await eventually(lambda: scene.told("door-2"), "the forced door to be told of")

        asyncio.run(play_it())
        check_events(scene.board, scene.messages)
        check_stalls(scene.board, scene.messages)
        assert scene.board.pulses() == {"lock-1": 1, "lock-2": 0}
