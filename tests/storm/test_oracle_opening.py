"""The oracle on locks: nothing opens for nobody, and no coil is on for too long."""

from tests.storm.tales import day


def test_a_pulse_without_an_order() -> None:
    tale = day()
    tale.pulse(11564.12, 0.3)
    assert tale.texts() == ["lock-1 pulsed at 3:12:44.120 for 300 ms without an order"]


def test_a_pulse_of_another_lock_than_was_ordered() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.pulse(103, 1, "lock-2")
    assert tale.texts() == ["lock-2 pulsed at 0:01:43.000 for 1 s without an order"]


def test_a_pulse_long_after_its_order() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.pulse(400, 1)
    assert tale.texts() == ["lock-1 pulsed at 0:06:40.000 for 1 s without an order"]


def test_a_pulse_for_a_bad_order() -> None:
    tale = day()
    tale.order(100, "a", good=False, why="signature")
    tale.ack(100.1, "a", "rejected", "signature")
    tale.pulse(100.2, 1)
    assert tale.texts() == ["lock-1 pulsed at 0:01:40.200 for 1 s without an order"]


def test_one_order_moves_its_lock_once() -> None:
    tale = day()
    tale.visit(100, "a")
    for n in range(3):
        tale.pulse(105 + n, 0.2)
    assert tale.texts() == ["order a pulsed lock-1 4 times"]


def test_one_order_has_one_window() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.pulse(104, 10)
    assert tale.texts() == ["order a held lock-1 for 12.1 s, more than its window"]


def test_an_accepted_code_opens() -> None:
    tale = day()
    tale.note(99, "code", component="keypad-1", digits_ok=True)
    tale.event(100, "access.accepted", "lock-1", jti="code-lock-1-7", sub="keypad", act="unlock")
    tale.pulse(100.1, 10)
    tale.event(110, "access.failed", "lock-1", jti="code-lock-1-7", sub="keypad", reason="not_opened")
    assert tale.texts() == []


def test_a_code_whose_events_were_dropped() -> None:
    """In a long outage: who typed it opened the lock all the same."""
    tale = day()
    tale.note(99, "code", component="keypad-1", lock="lock-1", slot=7, digits_ok=True)
    tale.pulse(100, 2)
    pulsed = "lock-1 pulsed at 0:01:40.000 for 2 s without an order"
    assert tale.texts() == [pulsed]
    tale.made(100, "access.accepted", "lock-1", jti="code-lock-1-7")
    tale.event(900, "device.dropped", count=1, first=2, last=2)
    assert tale.texts() == []
    tale.pulse(1000, 2)
    assert tale.texts() == [pulsed.replace("0:01:40", "0:16:40")]


def test_a_code_whose_events_a_rotten_board_cannot_tell() -> None:
    """A storm had a bit tip over in what talks to the broker: the keypad opened as ever, and nobody heard."""
    pulsed = "lock-1 pulsed at 0:10:00.000 for 2 s without an order"
    for rot_s, typed_s, told_s, expected in (
        (100, 599, None, []),
        (700, 599, None, []),  # it was offline already, and stays so
        (100, 599, 700, [pulsed]),
        (100, 300, None, [pulsed]),
        (100, None, None, [pulsed]),
        (None, 599, None, [pulsed]),
    ):
        tale = day()
        if rot_s is not None:
            tale.fault(rot_s, rot_s, "rot", count=1)
            tale.note(rot_s, "rot", files=["/a/sportbox/net/session.mpy"])
        if typed_s is not None:
            tale.note(typed_s, "code", component="keypad-1", lock="lock-1", slot=7, digits_ok=True)
        tale.pulse(600, 2)
        if told_s is not None:
            tale.event(told_s, "device.fault", what="time")
        found = [b.text for b in tale.judged() if b.invariant == "opening"]
        assert found == expected, (rot_s, typed_s, told_s)


def test_a_code_that_nobody_typed() -> None:
    tale = day()
    tale.note(99, "code", component="keypad-1", digits_ok=False)
    tale.event(100, "access.accepted", "lock-1", jti="code-lock-1-7", sub="keypad", act="unlock")
    tale.pulse(100.1, 10)
    tale.event(110, "access.failed", "lock-1", jti="code-lock-1-7", sub="keypad", reason="not_opened")
    assert tale.texts() == [
        "code-lock-1-7 was accepted, and nobody had typed a right code for lock-1",
        "lock-1 pulsed at 0:01:40.100 for 10 s without an order",
    ]


def test_a_token_that_opens_again_after_a_power_cut() -> None:
    tale = day()
    tale.visit(100, "a")
    tale.stops(150)
    tale.starts(160)
    tale.booted(161)
    tale.order(200, "a", good=False, why="replayed")
    tale.ack(200.1, "a", "accepted")
    assert "order a was accepted at 0:01:40.100 and again after a restart" in tale.texts()


def test_a_door_that_is_pulled_open_though_locked() -> None:
    tale = day()
    tale.moves(100, True)
    assert "door-1 was pulled open at 0:01:40.000, and lock-1 had not been released" in tale.texts()


def test_force_and_the_inside_release_open() -> None:
    tale = day()
    tale.moves(100, True, by="force")
    tale.state(100.1, "door-1", "forced")
    tale.event(100.1, "door.forced", "door-1")
    tale.note(200, "release", pressed=True)
    tale.moves(201, True, name="door-9")
    tale.state(201.1, "door-9", "open")
    tale.event(201.1, "door.opened", "door-9", release=True)
    assert tale.texts() == []


def test_another_doors_release_does_not_open() -> None:
    tale = day()
    tale.note(200, "release", pressed=True)
    tale.moves(201, True)
    assert "door-1 was pulled open at 0:03:21.000, and lock-1 had not been released" in tale.texts()


def test_a_motor_locks_by_itself_after_its_door_was_closed() -> None:
    tale = day()
    tale.visit(100, "a", "lock-9")
    tale.pulse(111, 1, "lock-9")
    assert tale.texts() == []
    tale.pulse(300, 1, "lock-9")
    assert tale.texts() == ["lock-9 pulsed at 0:05:00.000 for 1 s without an order"]


def test_a_motor_that_locks_by_itself_goes_back_where_its_door_is_opened_meanwhile() -> None:
    """A board cannot have noticed what happened a moment before, with a contact that is debounced."""
    for opened_s, expected in ((200.98, 0), (200.8, 2)):
        tale = day()
        tale.visit(100, "a", "lock-9")
        tale.moves(opened_s - 1, False, "push", "door-9")
        tale.moves(opened_s, True, "pull", "door-9")
        tale.pulse(201, 0.03, "lock-9")
        tale.pulse(201.3, 0.05, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_motor_locks_by_itself_once_a_board_that_has_just_started_knows_that_nobody_is_inside() -> None:
    for start_s, expected in ((95, 0), (0, 1)):
        tale = day()
        if start_s:
            tale.stops(90)
            tale.starts(start_s)
        tale.order(100, "a", component="lock-9")
        tale.ack(100.1, "a", "accepted")
        tale.event(100.1, "access.accepted", "lock-9", jti="a", sub="", act="unlock")
        tale.pulse(100.2, 1, "lock-9")
        tale.ack(111, "a", "failed", "not_opened")
        tale.pulse(160, 1, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_motor_that_an_order_found_unlocked_at_the_start_locks_once_nobody_is_inside() -> None:
    for jti, expected in (("a", 0), (None, 1)):
        tale = day()
        tale.stops(90)
        tale.starts(95)
        tale.order(97, "a", component="lock-9")
        tale.ack(97.1, "a", "accepted")
        tale.event(97.1, "access.accepted", "lock-9", jti="a", sub="", act="unlock")
        tale.event(97.1, "lock.unlocked", "lock-9", **({"jti": jti} if jti else {"at_boot": True}))
        tale.ack(108, "a", "failed", "not_opened")
        tale.pulse(160, 1, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_motor_that_locks_by_itself_again_and_again_does_so_for_no_order() -> None:
    """Nobody heard when the order was accepted, so it may have been within the hour."""
    for moves, expected in ((True, 0), (False, 1)):
        tale = day()
        tale.order(100, "a", component="lock-9")
        tale.ack(2000, "a", "failed", "not_opened")
        for n in range(12):
            at_s = 200 + 60 * n
            if moves:
                tale.note(at_s, "release", component="release-9", pressed=True)
                tale.moves(at_s, True, "release", "door-9")
                tale.note(at_s + 1, "release", component="release-9", pressed=False)
                tale.moves(at_s + 2, False, "push", "door-9")
            tale.pulse(at_s + 4, 1, "lock-9")
        assert len([b for b in tale.judged() if "pulsed lock-9 12 times" in b.text]) == expected


def test_a_motor_that_nobody_opened_waits_where_somebody_seems_to_be_inside() -> None:
    for fault, expected in (("bounce", 0), ("latency", 1)):
        tale = day()
        tale.order(100, "a", component="lock-9")
        tale.ack(100.1, "a", "accepted")
        tale.event(100.1, "access.accepted", "lock-9", jti="a", sub="", act="unlock")
        tale.pulse(100.2, 1, "lock-9")
        tale.fault(108, 108.1, fault, component="inside-9")
        tale.ack(111, "a", "failed", "not_opened")
        tale.pulse(160, 1, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_motor_that_stands_unlocked_at_the_start_locks_once_nobody_is_inside() -> None:
    """Its door is closed just after that: longer before than it otherwise takes."""
    for start_s, expected in ((130, 0), (0, 1)):
        tale = day()
        tale.visit(100, "a", "lock-9")
        if start_s:
            tale.stops(120)
            tale.starts(start_s)
        tale.moves(131, True, "push", "door-9")
        tale.moves(132, False, "push", "door-9")
        tale.pulse(163, 1, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_bolt_that_looks_half_out_goes_back_when_the_release_is_let_go() -> None:
    for fault, expected in (("lock_cut", 0), ("", 1)):
        tale = day()
        if fault:
            tale.fault(295, 310, fault, component="lock-9")
        tale.note(300, "release", component="release-9", pressed=True)
        tale.moves(300.5, True, "release", "door-9")
        tale.note(301, "release", component="release-9", pressed=False)
        tale.pulse(301.1, 2.5, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_it_does_so_twice_when_a_release_that_was_stuck_is_mended() -> None:
    for stuck, expected in (("release-9", 0), ("release-1", 2)):
        tale = day()
        tale.fault(295, 400, "lock_cut", number=1, component="lock-9")
        tale.fault(300, 340, "stuck", number=2, component=stuck)
        tale.moves(310, True, "force", "door-9")
        tale.pulse(340.1, 2.5, "lock-9")
        tale.pulse(342.9, 2.5, "lock-9")
        assert len([b for b in tale.judged() if "without an order" in b.text]) == expected


def test_a_bolt_goes_back_when_its_door_is_forced_open_meanwhile() -> None:
    for back_s, expected in ((312, 0), (330, 1)):
        tale = day()
        tale.moves(300, True, "force", "door-9")
        tale.moves(310, False, "push", "door-9")
        tale.pulse(311, 1, "lock-9")
        tale.moves(311.5, True, "force", "door-9")
        tale.pulse(back_s, 1, "lock-9")
        found = [b for b in tale.judged() if "without an order" in b.text]
        assert len(found) == expected


def test_a_pulse_that_is_too_long() -> None:
    tale = day()
    tale.order(100, "a")
    tale.ack(100.1, "a", "accepted")
    tale.pulse(100.2, 10.5)
    tale.pulse(120, 3, "lock-9")
    assert "lock-1 pulsed for 10.5 s, more than 10 s" in tale.texts()
    assert "lock-9 pulsed for 3 s, more than 2.5 s" in tale.texts()


def test_a_pulse_that_was_ended_early_counts_to_its_end() -> None:
    tale = day()
    tale.visit(100, "a")
    first = tale.pulse(104, 10)
    tale.note(105, "pulse", lock="lock-1", start_us=first["start_us"], until_us=first["start_us"] + 1_000_000)
    assert tale.texts() == []


def test_the_power_ends_a_pulse() -> None:
    tale = day()
    tale.order(100, "a")
    tale.ack(100.1, "a", "accepted")
    tale.pulse(100.2, 60)
    tale.stops(103)
    assert tale.texts() == []


def test_a_coil_that_is_on_too_often() -> None:
    tale = day()
    for n in range(5):
        tale.visit(100 + 11 * n, f"a{n}")
        tale.pulse(103 + 11 * n, 7.5)
    assert "lock-1 was on for 48 s within 1 min; 48 s are allowed" not in tale.texts()
    tale.visit(156, "b")
    tale.pulse(159, 7.5)
    assert any(text.startswith("lock-1 was on for") and "48 s are allowed" in text for text in tale.texts())


def test_two_locks_of_one_supply() -> None:
    tale = day()
    for n in (1, 2):
        tale.order(100, f"a{n}", component=f"lock-{n}")
        tale.ack(100.1, f"a{n}", "accepted")
        tale.pulse(100.2 + n, 5, f"lock-{n}")
    text = "lock-2 was energised at 0:01:42.200 beside lock-1 of the same supply"
    assert tale.texts() == [text]


def test_a_burnt_coil() -> None:
    tale = day()
    tale.note(900, "coil", lock="lock-1", pulses=1, longest_us=10_000_000, total_us=10_000_000, burnt=True)
    tale.note(900, "coil", lock="lock-2", pulses=1, longest_us=12_000_000, total_us=12_000_000, burnt=False)
    assert tale.texts() == ["the coil of lock-1 is burnt", "lock-2 was energised for 12 s at a time"]


def test_a_motor_locks_by_itself_when_a_contact_chatters() -> None:
    """Its door stands open, and the contact says closed for long enough now and then."""
    tale = day()
    tale.moves(500, True, by="force", name="door-9")
    tale.pulse(600, 0.5, "lock-9")
    pulsed = "lock-9 pulsed at 0:10:00.000 for 500 ms without an order"
    assert pulsed in tale.texts()
    tale.fault(595, 605, "chatter", component="door-1")
    assert pulsed in tale.texts()
    tale.fault(595, 605, "chatter", number=2, component="door-9")
    assert pulsed not in tale.texts()
