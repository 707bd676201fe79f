"""What a message on the broker looks like, and in which order messages go out."""

import json
import unittest

from sportbox.uplink import Uplink

NOW = 1795366800  # 2026-11-22T17:00:00Z
BASE = "sportbox/v1/hafensport-rostock/box-1"


class Waiting:
    """An event on its way, as the outbox hands it out."""

    def __init__(self, seq, payload):
        self.seq = seq
        self.payload = payload
        self.acked = False

    def release(self):
        """As from flash: it is read again where it is needed again."""
        self.acked = False


class ShortOutbox:
    """An outbox in memory; `lost` are the numbers that it had to drop."""

    def __init__(self, durable_seq=0):
        self.durable_seq = durable_seq
        self.events = []
        self.next_at = 0
        self.urgent = []
        self.passed = []

    def accept(self, payload, urgent, at_once=True):
        self.durable_seq += 1
        self.events.append(Waiting(self.durable_seq, payload))
        self.urgent.append(urgent)
        return self.durable_seq

    def take(self):
        if self.next_at == len(self.events):
            return None
        self.next_at += 1
        return self.events[self.next_at - 1]

    def pass_over(self, out):
        self.passed.append(out.seq)

    def ack(self, out):
        out.acked = True

    def rewind(self):
        self.next_at = len([event for event in self.events if event.acked])

    def in_flight(self):
        return len([event for event in self.events[: self.next_at] if not event.acked])


def make(durable_seq=0):
    outbox = ShortOutbox(durable_seq)
    return Uplink("hafensport-rostock", "box-1", "c0ffee123456", outbox), outbox


def drain(uplink):
    """Everything that goes out now."""
    found = []
    while True:
        message = uplink.next_message()
        if message is None:
            return found
        found.append(message)


class TestEnvelope(unittest.TestCase):
    def event(self, uplink=None, time_s=NOW, **changes):
        uplink = uplink or make()[0]
        facts = {"component": "door-2", "kind": "door.opened", "data": {"jti": "a"}, "uptime_s": 77}
        facts.update(changes)
        uplink.event(facts["component"], facts["kind"], facts["data"], time_s, facts["uptime_s"], urgent=True)
        return drain(uplink)[-1]

    def test_a_cloudevent_and_nothing_else(self):
        message = self.event()
        self.assertEqual((message.topic, message.qos, message.retain), (BASE + "/event", 1, False))
        self.assertEqual(
            json.loads(message.payload),
            {
                "specversion": "1.0",
                "id": "box-1-c0ffee123456-1",
                "source": "/hafensport-rostock/box-1/door-2",
                "type": "sportbox.door.opened",
                "time": "2026-11-22T17:00:00Z",
                "data": {"jti": "a"},
                "seq": 1,
                "uptime": 77,
                "bootid": "c0ffee123456",
            },
        )

    def test_a_record_of_another_shape_keeps_nobody_waiting(self):
        """Another firmware, which ran on this board before, may have kept it."""
        uplink, outbox = make()
        shapes = [b"", b"{", b"null", b"7", b'{"kind": 1}', b"[]", b"[1, 2, 3, 4, 5, 6]", b"\xff"]
        shapes += [b'["a", 1, 0, 0, "b", {}]', b'["a", "b", "noon", 0, "c", {}]']
        for shape in shapes:
            outbox.accept(shape, True)
        self.assertEqual(json.loads(self.event(uplink).payload)["seq"], 11)
        self.assertEqual(outbox.passed, list(range(1, 11)))

    def test_an_unknown_time_is_left_out(self):
        self.assertNotIn("time", json.loads(self.event(time_s=0).payload))

    def test_data_is_always_there(self):
        self.assertEqual(json.loads(self.event(data={}).payload)["data"], {})

    def test_text_beyond_ascii_stays_what_it_is(self):
        payload = self.event(data={"text": 'Straße "☃"'}).payload
        self.assertEqual(json.loads(payload)["data"], {"text": 'Straße "☃"'})

    def test_an_event_of_an_earlier_boot_keeps_its_identity(self):
        """Else a consumer would take it for another one when it comes again."""
        before, outbox = make()
        before.event("door-2", "door.opened", {}, NOW, 77, True)
        first = json.loads(drain(before)[-1].payload)
        outbox.rewind()
        after = Uplink("hafensport-rostock", "box-1", "another0boot", outbox)
        again = json.loads(drain(after)[-1].payload)
        for name in ("id", "source", "bootid", "seq", "uptime", "time", "type", "data"):
            self.assertEqual(again[name], first[name])

    def test_the_outbox_learns_what_is_urgent(self):
        uplink, outbox = make()
        uplink.event("court-1", "occupancy.changed", {}, NOW, 1, urgent=False)
        uplink.event("door-1", "door.forced", {}, NOW, 1, urgent=True)
        self.assertEqual(outbox.urgent, [False, True])

    def test_the_broker_acknowledges_the_very_event(self):
        uplink, outbox = make()
        for _ in range(3):
            uplink.event("door-1", "door.opened", {}, NOW, 1, True)
        messages = drain(uplink)
        messages[1].done()
        self.assertEqual([event.acked for event in outbox.events], [False, True, False])


class TestNoMemory(unittest.TestCase):
    def test_at_the_end_of_a_connection_leaves_events_in_order(self):
        """Whoever was to take note of the end fell; the next connection begins with what was in flight."""
        uplink, _ = make()
        for _ in range(3):
            uplink.event("lock-1", "lock.unlocked", {}, NOW, 1, True)
        drain(uplink)
        uplink.went_up(1000)
        uplink.event("lock-1", "lock.locked", {}, NOW, 1, True)
        sent = [json.loads(message.payload)["seq"] for message in drain(uplink) if "event" in message.topic]
        self.assertEqual(sent, [1, 2, 3, 4])


class TestHistorical(unittest.TestCase):
    def seqs(self, uplink):
        """Numbers of the historical events and of the others among those that go out now."""
        old, new = [], []
        for message in drain(uplink):
            if message.topic.endswith("/event"):
                event = json.loads(message.payload)
                (old if event.get("historical") is True else new).append(event["seq"])
                self.assertIn(event.get("historical", True), (True,))  # never `false`
        return old, new

    def add(self, uplink, count):
        for _ in range(count):
            uplink.event("court-1", "occupancy.changed", {}, NOW, 1, False)

    def test_what_happened_while_booting_is_fresh(self):
        uplink, _ = make()
        self.add(uplink, 2)
        uplink.went_up(9000)
        self.assertEqual(self.seqs(uplink), ([], [1, 2]))

    def test_what_an_earlier_boot_left_behind_is_not(self):
        uplink, outbox = make()
        self.add(uplink, 2)
        uplink = Uplink("hafensport-rostock", "box-1", "another", outbox)
        self.add(uplink, 1)
        uplink.went_up(1000)
        self.assertEqual(self.seqs(uplink), ([1, 2], [3]))

    def test_a_first_connection_that_took_long_was_an_outage(self):
        uplink, _ = make()
        self.add(uplink, 2)
        uplink.went_up(10_001)
        self.add(uplink, 1)
        self.assertEqual(self.seqs(uplink), ([1, 2], [3]))

    def test_what_waited_out_an_outage(self):
        uplink, _ = make()
        uplink.went_up(100)
        self.add(uplink, 1)
        self.assertEqual(self.seqs(uplink), ([], [1]))
        uplink.went_down()
        self.add(uplink, 2)
        uplink.went_up(20_000)
        self.add(uplink, 1)
        self.assertEqual(self.seqs(uplink), ([1, 2, 3], [4]))


class TestOrder(unittest.TestCase):
    def test_answers_then_states_then_online_then_telemetry_then_logs_then_events(self):
        uplink, _ = make()
        uplink.describe(lambda: {"uptime": 5}, None)
        uplink.event("door-1", "door.opened", {}, NOW, 1, True)
        uplink.log("a line")
        uplink.retain("door-1/state", {"state": "open"})
        uplink.answer("order-1", "accepted", None, NOW, None)
        uplink.went_up(100)
        messages = drain(uplink)
        self.assertEqual(
            [(m.topic[len(BASE) + 1 :], m.qos, m.retain) for m in messages],
            [
                ("ack", 1, False),
                ("door-1/state", 1, True),
                ("availability", 1, True),
                ("telemetry", 0, False),
                ("log", 0, False),
                ("event", 1, False),
            ],
        )
        self.assertEqual(messages[2].payload, b"online")
        self.assertEqual(json.loads(messages[3].payload), {"uptime": 5})
        self.assertEqual(messages[4].payload, b"a line")

    def test_online_comes_once_a_connection_and_after_every_state(self):
        uplink, _ = make()
        for name in ("info", "door-1/state", "lock-1/state"):
            uplink.retain(name, {"a": 1})
        for _ in range(3):
            uplink.went_up(100)
            topics = [message.topic[len(BASE) + 1 :] for message in drain(uplink)]
            self.assertEqual(sorted(topics[:3]), ["door-1/state", "info", "lock-1/state"])
            self.assertEqual(topics[3:], ["availability"])
            uplink.went_down()

    def test_only_the_newest_state_goes_out(self):
        uplink, _ = make()
        for state in ("unlocking", "unlocked", "locked"):
            uplink.retain("lock-1/state", {"state": state})
        messages = drain(uplink)
        self.assertEqual([json.loads(m.payload) for m in messages], [{"state": "locked"}])
        self.assertEqual(drain(uplink), [])

    def test_a_state_is_asked_for_when_its_turn_comes(self):
        uplink, _ = make()
        states = {"lock-1": "unlocking"}
        uplink.describe(dict, lambda name: {"state": states[name]})
        uplink.retain_state("lock-1")
        states["lock-1"] = "unlocked"
        uplink.retain_state("lock-1")
        self.assertEqual([json.loads(m.payload) for m in drain(uplink)], [{"state": "unlocked"}])
        states["lock-1"] = "locked"
        uplink.went_up(100)
        message = drain(uplink)[0]
        self.assertEqual(json.loads(message.payload), {"state": "locked"})
        self.assertEqual((message.retain, message.qos), (True, 1))

    def test_old_log_lines_go_first(self):
        uplink, _ = make()
        for i in range(20):
            uplink.log("line %d" % i)
        self.assertEqual([m.payload for m in drain(uplink)], [b"line %d" % i for i in range(12, 20)])

    def test_what_was_under_way_is_counted_as_sent_again(self):
        uplink, _ = make()
        uplink.went_up(100)
        for _ in range(3):
            uplink.event("court-1", "occupancy.changed", {}, NOW, 1, False)
        messages = drain(uplink)
        messages[-1].done()
        uplink.went_down()
        self.assertEqual(uplink.retries, 2)


class TestAnswers(unittest.TestCase):
    def answers(self, uplink):
        return [json.loads(m.payload) for m in drain(uplink) if m.topic.endswith("/ack")]

    def test_what_an_answer_says(self):
        uplink, _ = make()
        uplink.answer("order-1", "rejected", "expired", NOW, None)
        uplink.answer(None, "rejected", "malformed", 0, None)
        self.assertEqual(
            self.answers(uplink),
            [
                {
                    "jti": "order-1",
                    "result": "rejected",
                    "reason": "expired",
                    "time": "2026-11-22T17:00:00Z",
                },
                {"jti": None, "result": "rejected", "reason": "malformed", "time": None},
            ],
        )

    def test_an_answer_is_given_again_until_the_broker_has_it(self):
        uplink, _ = make()
        told = []
        uplink.answer("order-1", "accepted", None, NOW, None)
        uplink.answer("order-1", "done", None, NOW, lambda: told.append("order-1"))
        drain(uplink)[0].done()
        uplink.went_down()
        self.assertEqual(told, [])
        messages = drain(uplink)
        self.assertEqual([json.loads(m.payload)["result"] for m in messages], ["done"])
        messages[0].done()
        self.assertEqual(told, ["order-1"])
        uplink.went_down()
        self.assertEqual(drain(uplink), [])

    def test_answers_that_come_while_others_are_under_way(self):
        uplink, _ = make()
        uplink.answer("a", "accepted", None, NOW, None)
        first = drain(uplink)
        uplink.answer("b", "accepted", None, NOW, None)
        first[0].done()
        uplink.answer("c", "accepted", None, NOW, None)
        self.assertEqual([answer["jti"] for answer in self.answers(uplink)], ["b", "c"])

    def test_equal_answers_are_two(self):
        uplink, _ = make()
        for _ in range(2):
            uplink.answer("a", "accepted", None, NOW, None)
        messages = drain(uplink)
        self.assertEqual(len(messages), 2)
        messages[0].done()
        uplink.went_down()
        self.assertEqual(len(drain(uplink)), 1)

    def test_too_many_push_the_oldest_out_and_are_counted(self):
        uplink, _ = make()
        for i in range(20):
            uplink.answer("order-%d" % i, "rejected", "expired", NOW, None)
        found = [answer["jti"] for answer in self.answers(uplink)]
        self.assertEqual(found, ["order-%d" % i for i in range(4, 20)])
        self.assertEqual(uplink.answers_lost, 4)

    def test_too_many_while_some_are_under_way(self):
        uplink, _ = make()
        for i in range(10):
            uplink.answer("order-%d" % i, "rejected", "expired", NOW, None)
        drain(uplink)
        for i in range(10, 20):
            uplink.answer("order-%d" % i, "rejected", "expired", NOW, None)
        found = [answer["jti"] for answer in self.answers(uplink)]
        self.assertEqual(found, ["order-%d" % i for i in range(10, 20)])

    def test_a_flood_of_refusals_does_not_push_out_a_final_answer(self):
        uplink, _ = make()
        uplink.answer("mine", "done", None, NOW, lambda: None)
        for _ in range(50):
            uplink.answer(None, "rejected", "signature", NOW, None)
        found = self.answers(uplink)
        self.assertEqual(len(found), 16)
        self.assertEqual(found[0]["jti"], "mine")
