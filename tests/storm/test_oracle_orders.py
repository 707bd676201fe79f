"""The oracle on orders: each has one answer, a true one, and is done once."""

from tests.storm.tales import WALL_BEGIN_S, Tale, day


def test_a_visit_is_good() -> None:
    tale = day()
    tale.visit(100, "a")
    assert tale.ends(1000, 1900).texts() == []


def test_an_answer_to_nobody() -> None:
    tale = day()
    tale.ack(100, "ghost", "rejected", "signature")
    tale.ack(101, None, "rejected", "malformed")
    assert tale.texts() == [
        "`rejected` (signature) for ghost, which nobody has sent",
        "`rejected` (malformed) for an order without jti, and none was sent",
    ]


def test_an_answer_without_jti_to_a_malformed_order() -> None:
    tale = day()
    tale.order(100, None, good=False, why="malformed")
    tale.ack(100.1, None, "rejected", "malformed")
    assert tale.texts() == []


def test_two_final_answers() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.ack(120, "a", "failed", "not_opened")
    assert tale.texts() == ["order a has 2 final answers: `done`, `failed` (not_opened)"]


def test_an_end_that_flash_did_not_take_is_followed_by_another_one() -> None:
    """If the board has said that, and started anew."""
    for what, starts, expected in (
        ("replay_log_write", True, []),
        ("replay_log_write", False, ["order a has 2 final answers: `done`, `failed` (power)"]),
        ("memory", True, ["order a has 2 final answers: `done`, `failed` (power)"]),
    ):
        tale = day()
        tale.visit(100, "a")
        tale.event(103, "device.fault", what=what)
        if starts:
            tale.note(210, "boot", n=2, cause=4)
        tale.ack(220, "a", "failed", "power")
        assert [text for text in tale.texts() if "final" in text] == expected, (what, starts)


def test_a_final_answer_that_came_twice_is_one() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.ack(120, "a", "done", time="102.2")
    assert tale.texts() == []


def test_accepted_again_after_its_end() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.order(200, "a")
    tale.ack(200.1, "a", "accepted")
    assert tale.texts() == ["order a was accepted again after its final answer `done`"]


def test_the_same_token_while_it_runs_and_later() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.order(101, "a")
    tale.ack(101.1, "a", "accepted")
    tale.order(200, "a", good=False, why="replayed")
    tale.ack(200.1, "a", "rejected", "replayed")
    assert tale.texts() == []


def test_accepted_twice_in_the_events() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.order(150, "a")
    tale.event(150, "access.accepted", "lock-1", jti="a")
    assert "order a has access.accepted (event 2) and access.accepted (event 8)" in tale.texts()


def test_an_order_without_an_end() -> None:
    tale = day()
    tale.order(100, "a")
    tale.ack(100.1, "a", "accepted")
    assert "order a was accepted, and nothing says how it ended" in tale.ends(1000, 1900).texts()


def test_an_end_that_only_the_event_told() -> None:
    tale = day()
    tale.order(100, "a")
    tale.ack(100.1, "a", "accepted")
    tale.pulse(100.2, 10)
    tale.event(110.3, "access.failed", "lock-1", jti="a", reason="not_opened")
    assert tale.ends(1000, 1900).texts() == ["order a ended (access.failed), and its answer did not come"]


def test_an_answer_that_went_with_the_power() -> None:
    tale = day()
    tale.order(100, "a")
    tale.pulse(100.2, 10)
    tale.stops(101)
    tale.starts(110)
    tale.booted(111)
    tale.event(111, "access.failed", "lock-1", jti="a", reason="power")
    assert tale.ends(1000, 1900).texts() == []


def test_more_answers_than_orders() -> None:
    tale = day()
    tale.order(100, "a", good=False, why="signature")
    tale.ack(100.1, "a", "rejected", "signature")
    tale.ack(100.2, "a", "rejected", "signature")
    assert tale.texts() == [
        "order a was sent once and answered 2 times: `rejected` (signature), `rejected` (signature)"
    ]


def test_an_answer_that_is_none() -> None:
    tale = day()
    tale.order(100, "a", good=False, why="signature")
    tale.ack(100.1, "a", "perhaps")
    assert tale.texts() == ["order a was answered with perhaps, which is no answer"]


def test_an_order_that_nobody_answered() -> None:
    tale = day()
    tale.order(100, "a")
    assert tale.ends(1000, 1900).texts() == ["order a was delivered, and nothing answered it within 45 s"]


def test_an_order_that_the_network_took() -> None:
    tale = day()
    tale.fault(95, 130, "partition")
    tale.order(100, "a")
    assert tale.ends(1000, 1900).texts() == []


def rejected(reason: str, good: bool | None, why: str = "", clock: str = "ntp", **more: int) -> Tale:
    tale = Tale().starts(0, clock=clock)
    tale.booted(1)
    tale.order(500, "a", good=good, why=why, **more)
    tale.ack(500.1, "a", "rejected", reason)
    return tale


def test_a_good_order_is_not_rejected_without_cause() -> None:
    for reason in ("signature", "expired", "not_yet", "busy", "clock", "replayed", "closed", "lifetime"):
        text = f"order a, good, was rejected with {reason}, which is not so"
        assert rejected(reason, good=True).texts() == [text]


def test_a_bad_order_is_rejected_for_what_is_bad_in_it() -> None:
    for why in ("signature", "key", "role", "audience", "lifetime", "malformed", "too_large", "retained"):
        assert rejected(why, good=False, why=why).texts() == []
    text = "order a, bad (role), was rejected with lifetime, which is not so"
    assert rejected("lifetime", good=False, why="role").texts() == [text]


def test_reasons_that_are_so() -> None:
    assert rejected("clock", good=None, why="clock", clock="floor").texts() == []
    assert len(rejected("clock", good=True, clock="floor").texts()) == 1
    assert rejected("expired", good=True, exp=WALL_BEGIN_S + 400).texts() == []
    assert rejected("not_yet", good=False, why="not_yet", nbf=WALL_BEGIN_S + 900).texts() == []


def test_a_clock_that_was_moved_asleep_is_wrong_until_network_time_comes_twice() -> None:
    """The chip's clock is all that a sleeper has, and cannot tell. The first network time after it puts the
    time right; how fast the chip's clock runs is known when it comes again, some sleep later."""
    for sleeps, jump_s, lied_s, synced_s, expected in (
        (True, 600, None, (), 0),
        (True, 600, None, (1000,), 0),
        (True, 600, None, (1000, 1300), 0),
        (True, 600, None, (1000, 2000), 1),
        (True, 600, 1990, (1000, 2000), 0),
        (True, 2600, None, (), 1),
        (True, None, None, (), 1),
        (False, 600, None, (), 1),
    ):
        tale = day()
        if sleeps:
            tale.config = {**tale.config, "power": {"sleep": {"every_s": 1800, "hold_s": 5}}}
        if jump_s is not None:
            tale.fault(jump_s, jump_s, "jump_wall", jump_s=-637)
        if lied_s is not None:
            tale.fault(lied_s, lied_s + 5, "time_lie", number=2, lie_s=-700)
        info = {"bootid": tale.bootid, "nonce": "n1"}
        for s in synced_s:
            tale.publish(s, "info", info | {"clock": "ntp"}, retain=True)
        tale.publish(2400, "info", info | {"clock": "rtc"}, retain=True)
        tale.order(2500, "a")
        tale.ack(2500.1, "a", "rejected", "not_yet")
        found = [text for text in tale.texts() if "rejected with not_yet" in text]
        assert len(found) == expected, (sleeps, jump_s, lied_s, synced_s)


def test_a_board_that_sleeps_keeps_no_room_back_for_orders() -> None:
    for full_s, sleep, expected in (
        (3000, {"every_s": 1800, "hold_s": 5}, 0),
        (3000, None, 1),
        (600, None, 0),
    ):
        tale = day()
        if sleep is not None:
            tale.config = {**tale.config, "power": {"sleep": sleep}}
        tale.fault(full_s, 3500, "flash_full", left=0)
        tale.order(3200, "a")
        tale.ack(3200.1, "a", "rejected", "replayed")
        assert len([text for text in tale.texts() if "rejected with replayed" in text]) == expected


def test_busy_while_another_one_runs() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.order(101, "b")
    tale.ack(101.1, "b", "rejected", "busy")
    assert tale.texts() == []


def test_a_lock_waits_while_somebody_seems_to_be_inside() -> None:
    def told(act: str = "lock", lock: str = "lock-9", left_s: float = 2000, fault_s: float = 2000) -> int:
        tale = day()
        tale.note(100, "inside", component="inside-9", occupied=True)
        tale.note(min(left_s, 400), "inside", component="inside-9", occupied=left_s > 500)
        tale.fault(fault_s, fault_s + 0.1, "bounce", component="inside-9")
        tale.order(500, "b", act=act, component=lock)
        tale.ack(500.1, "b", "rejected", "busy")
        return len([text for text in tale.texts() if "was rejected with busy" in text])

    assert told() == told(left_s=400) == told(left_s=150, fault_s=480) == 0
    assert told(left_s=150) == told(act="unlock") == told(lock="lock-1") == 1


def test_a_lock_waits_while_the_inside_release_seems_to_be_pressed() -> None:
    """A storm had it stuck from before a start on: nothing moved, and a quarter of an hour later it was
    still pressed."""

    def told(act: str = "lock", lock: str = "lock-9", let_go_s: float = 2000, fault_s: float = 2000) -> int:
        tale = day()
        tale.note(100, "release", component="release-9", pressed=True)
        tale.note(min(let_go_s, 400), "release", component="release-9", pressed=let_go_s > 500)
        tale.fault(fault_s, fault_s + 200, "stuck", component="release-9", level=1)
        tale.order(500, "b", act=act, component=lock)
        tale.ack(500.1, "b", "rejected", "busy")
        return len([text for text in tale.texts() if "was rejected with busy" in text])

    assert told() == told(let_go_s=400) == 0
    assert told(let_go_s=150, fault_s=310) == told(let_go_s=150, fault_s=180) == 0
    assert told(let_go_s=150) == told(act="unlock") == told(lock="lock-1") == 1


def test_a_bad_order_is_not_accepted() -> None:
    for why in (
        "signature",
        "key",
        "role",
        "audience",
        "lifetime",
        "expired",
        "not_yet",
        "retained",
        "replayed",
    ):
        tale = day()
        tale.order(500, "a", good=False, why=why, nbf=WALL_BEGIN_S + 900)
        tale.ack(500.1, "a", "accepted")
        assert f"order a was accepted, though it is bad: {why} (sent at 0:08:20.000)" in tale.texts()


def test_what_time_or_a_lie_makes_good() -> None:
    tale = day()
    tale.order(800, "a", good=False, why="not_yet", nbf=WALL_BEGIN_S + 900)
    tale.ack(843, "a", "accepted")
    tale.fault(1000, 1010, "time_lie", lie_s=-4000)
    tale.order(1500, "b", good=False, why="expired")
    tale.ack(1500.1, "b", "accepted")
    for jti in ("a", "b"):
        tale.ack(1510, jti, "failed", "not_opened")
    assert tale.texts() == []


def test_a_slow_connection_answers_late_but_answers() -> None:
    def asked(*answered_s: float, name: str = "latency") -> list[str]:
        tale = day()
        tale.fault(90, 200, name, latency_us=[1, 2])
        tale.order(100, "a", good=False, why="key")
        for s in answered_s:
            tale.ack(s, "a", "rejected", "key")
        tale.note(400, "end")
        return tale.texts()

    never = "order a was delivered, and nothing answered it within 2.417 min"
    assert asked(240) == []
    assert asked(300) == asked() == [never]
    assert asked(name="partition") == []


def test_a_restart_waits_while_a_door_stands_open() -> None:
    for opened_s, expected in ((100, 0), (None, 1)):
        tale = day()
        if opened_s is not None:
            tale.moves(opened_s, True, "force", "door-1")
        tale.order(500, "r", act="reboot", component=None)
        tale.ack(500.1, "r", "rejected", "busy")
        assert len([text for text in tale.texts() if "was rejected with busy" in text]) == expected


def test_a_restart_waits_while_somebody_types() -> None:
    for typed_s, expected in ((505, 0), (600, 1)):
        tale = day()
        tale.order(500, "r", act="reboot", component=None)
        tale.ack(500.1, "r", "rejected", "busy")
        tale.note(typed_s, "code", component="keypad-1", digits_ok=False)
        assert len([text for text in tale.texts() if "was rejected with busy" in text]) == expected


def test_a_flood_of_refusals_may_cost_answers_and_the_board_counts_them() -> None:
    unanswered = "order a was delivered, and nothing answered it within 45 s"
    for good, why, lost, expected in (
        (False, "key", 1, []),
        (False, "key", 0, [unanswered]),
        (True, "", 1, [unanswered]),
    ):
        tale = day()
        tale.telemetry(290, answers_lost=0)
        tale.order(300, "a", good=good, why=why)
        tale.telemetry(320, answers_lost=lost)
        found = tale.ends(1000, 1900).texts()
        assert [text for text in found if "nothing answered" in text] == expected, (good, lost)


def test_a_start_before_the_next_telemetry_takes_the_count_of_what_was_given_up() -> None:
    unanswered = "order a was delivered, and nothing answered it within 45 s"
    for others, starts, expected in ((15, True, []), (3, True, [unanswered]), (15, False, [unanswered])):
        tale = day()
        tale.telemetry(290, answers_lost=0)
        tale.order(300, "a", good=False, why="key")
        for n in range(others):
            tale.order(301, f"b-{n}", good=False, why="key")
            tale.ack(302, f"b-{n}", "rejected", "key")
        if starts:
            tale.stops(500)
            tale.starts(510)
            tale.booted(511)
        tale.telemetry(600, answers_lost=0)
        found = tale.ends(1000, 1900).texts()
        assert [text for text in found if "nothing answered" in text] == expected, (others, starts)


def test_of_an_order_that_came_twice_one_answer_may_be_lost() -> None:
    for times, expected in ((1, 1), (2, 0)):
        tale = day()
        for n in range(times):
            tale.order(100 + n, "a", good=None, why="retained", act="identify", component=None)
        tale.event(100.5, "access.accepted", "access", jti="a", sub="", act="identify")
        tale.ack(102, "a", "rejected", "retained")
        assert len([text for text in tale.texts() if "the answer was" in text]) == expected, times


def test_a_door_that_is_just_being_closed_counts_as_open() -> None:
    for closed_s, expected in ((99.95, 0), (99, 1)):
        tale = day()
        tale.moves(90, True, "release", "door-9")
        tale.moves(closed_s, False, "push", "door-9")
        tale.order(100, "a", component="lock-9")
        tale.ack(100.1, "a", "accepted")
        tale.event(100.1, "access.accepted", "lock-9", jti="a", sub="", act="unlock")
        tale.ack(100.1, "a", "done")
        tale.event(100.2, "access.done", "lock-9", jti="a", sub="", act="unlock", reason=None)
        assert len([text for text in tale.texts() if "was not open" in text]) == expected, closed_s


def test_a_final_answer_is_given_again_after_a_sleep() -> None:
    """The board did not hear whether it had come."""
    for wakes, expected in ((True, 0), (False, 1)):
        tale = day()
        tale.order(100, "a", act="identify", component=None)
        tale.ack(100.1, "a", "accepted")
        tale.ack(100.2, "a", "done")
        if wakes:
            tale.note(150, "boot", n=2, cause="deep_sleep")
        tale.ack(160, "a", "done")
        assert len([text for text in tale.texts() if "2 final answers" in text]) == expected
