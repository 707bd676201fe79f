"""People: they open boxes with orders and codes, play, walk through gates, are inside, pull, break in and
replay. What they move is said in the trace at that moment. Nobody acts any more once it is calm."""

import random
from collections.abc import Callable
from functools import partial

from host_tools.storm.crowd import changing
from host_tools.storm.crowd.attendant import Attendant
from host_tools.storm.crowd.doors import Doors
from host_tools.storm.crowd.orders import Orders, Sent
from host_tools.storm.crowd.places import Places
from host_tools.storm.crowd.typing_codes import Typing
from host_tools.storm.stage import Stage
from host_tools.storm.weather.menu import log_uniform
from host_tools.storm.weather.people_menu import FORGED, HURRIED_US, hurried
from host_tools.storm.weather.plan import Act

BY_NETWORK = ("order", "change", "forged", "flood", "replay", "retained")
"""Acts that wait until a board that sleeps is awake."""


class People:
    """Everybody who has to do with one board."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.orders = Orders(stage)
        self.doors = Doors(stage, self.orders)
        self.places = Places(stage)
        self.typing = Typing(stage)
        self.attendant = Attendant(stage, self.orders)
        self._is_calm = False
        self._acts: dict[str, Callable[[Act, random.Random], None]] = {
            "visit": self._visit,
            "order": self._order,
            "change": self._change,
            "forged": self._forged,
            "flood": self._flood,
            "replay": self._replay,
            "retained": self._retained,
            "force": self._force,
            "pull": self._pull,
            "inside": self._inside,
            "release": self._release,
            "tamper": self._tamper,
            "court": self._court,
            "gate": self._gate,
            "code": self._code,
            "rush": self._rush,
        }

    def act(self, act: Act) -> None:
        """One thing that somebody does; what follows from it goes into the agenda. Each act has chance of its
        own, so that it is the same without the others."""
        plan = self.stage.plan
        do = partial(self._acts[act.kind], act, random.Random(f"{plan.seed}/{plan.board}/act/{act.number}"))
        if act.kind in BY_NETWORK:
            self.orders.when_awake(lambda: None if self._is_calm else do())
        else:
            do()

    def calm(self) -> None:
        """Everybody goes home and leaves things as they should be."""
        self._is_calm = True
        self.stage.trace.note("calm")
        self.places.leave()
        self.doors.close_all()

    # --- with an order ---

    def _visit(self, act: Act, rng: random.Random) -> None:
        """Somebody opens a box, some of them impatiently."""
        args, agenda = act.args, self.stage.agenda
        lock = args["lock"]
        sent = self.orders.good(rng, "unlock", lock, with_nonce=args["nonce"])
        self.orders.send(sent)
        for later_us in args["again_us"]:
            agenda.after(later_us, lambda: self._send_again(sent))
        self.doors.come_and_pull(self.doors.of(lock), args["pulls_us"], act.lasts_us)

    def _order(self, act: Act, rng: random.Random) -> None:
        """Somebody of the city. Who tells a gate its count has counted right."""
        name, component = act.args["act"], act.args.get("component")
        args = {"count": self.places.people_behind(str(component))} if name == "configure" else None
        sent = self.orders.good(rng, name, component, role="ops", with_nonce=act.args["nonce"], args=args)
        self.orders.send(sent)

    def _change(self, act: Act, rng: random.Random) -> None:
        changing.change(self.orders, rng, act.args)

    # --- without the right to ---

    def _forged(self, act: Act, rng: random.Random) -> None:
        self.orders.send(self.orders.forged(rng, act.args["why"], act.args["lock"]))

    def _flood(self, act: Act, rng: random.Random) -> None:
        """Many of them at once."""
        for _ in range(act.args["count"]):
            why, seed = rng.choice(FORGED), rng.getrandbits(32)
            self.stage.agenda.after(
                rng.randrange(act.lasts_us + 1), partial(self._forge, why, seed, act.args["lock"])
            )

    def _forge(self, why: str, seed: int, lock: str | None) -> None:
        self.orders.send(self.orders.forged(random.Random(seed), why, lock))

    def _replay(self, _: Act, rng: random.Random) -> None:
        """Somebody has overheard an order that was carried out."""
        if self.orders.used:
            self._send_again(rng.choice(self.orders.used[-20:]))

    def _send_again(self, sent: Sent) -> None:
        self.orders.send(self.orders.again(sent), first=False)

    def _retained(self, act: Act, rng: random.Random) -> None:
        """An order that the broker keeps, by mistake, for a while."""
        lock = act.args["lock"]
        act_name, role = ("unlock", "booking") if lock is not None else ("identify", "ops")
        self.orders.send_retained(self.orders.good(rng, act_name, lock, role=role))
        self.stage.agenda.after(act.lasts_us, self.orders.clear_retained)

    def _force(self, act: Act, _: random.Random) -> None:
        self.doors.force(act.args["door"], act.lasts_us)

    def _pull(self, act: Act, _: random.Random) -> None:
        self.doors.come_and_pull(act.args["door"], [0, 800_000], 20_000_000)

    # --- inside ---

    def _inside(self, act: Act, _: random.Random) -> None:
        """Somebody is in the container, behind the door, and gets out if there is a release."""
        args = act.args
        self.places.enter_room(args["component"])
        self.stage.agenda.after(act.lasts_us, lambda: self.places.leave_room(args["component"]))
        if args["leaves"] and args["release"] is not None:
            before_us = max(0, act.lasts_us - 3_000_000)
            self.stage.agenda.after(before_us, lambda: self.doors.leave_by(args["release"], True, 1_500_000))

    def _release(self, act: Act, _: random.Random) -> None:
        self.doors.leave_by(act.args["component"], act.args["opens"], act.lasts_us)

    def _tamper(self, act: Act, _: random.Random) -> None:
        self.places.open_cover(act.args["component"])
        self.stage.agenda.after(act.lasts_us, lambda: self.places.close_cover(act.args["component"]))

    # --- at play ---

    def _court(self, act: Act, rng: random.Random) -> None:
        self.places.play(act.args["component"], act.args["people"], act.lasts_us, rng)

    def _gate(self, act: Act, rng: random.Random) -> None:
        gate = act.args["component"]
        court = self.places.court_behind(gate)
        if act.args["turns_back"]:
            self.places.turn_back(gate)
        elif court is not None:
            self.places.play(court, 1, act.lasts_us, rng)
        else:
            self.places.walk(gate, "in")
            self.stage.agenda.after(act.lasts_us, lambda: self.places.walk(gate, "out"))

    def _rush(self, act: Act, rng: random.Random) -> None:
        """One thing after another, for hours."""
        agenda, choices = self.stage.agenda, hurried(self.stage.config)
        weights = [choice.weight for choice in choices]

        def go_on() -> None:
            if self._is_calm or agenda.now_us >= act.until_us or not choices:
                return
            choice = rng.choices(choices, weights)[0]
            lasts_us = log_uniform(rng, *HURRIED_US)
            self._acts[choice.kind](
                Act(act.number, agenda.now_us, lasts_us, choice.kind, choice.draw(rng)), rng
            )
            agenda.after(lasts_us + log_uniform(rng, *act.args["pause_us"]), go_on)

        go_on()

    def _code(self, act: Act, rng: random.Random) -> None:
        args = act.args
        lock = args["lock"]

        def typed() -> None:
            self.doors.come_and_pull(self.doors.of(lock), args["pulls_us"], act.lasts_us)

        self.typing.type_code(args["component"], lock, args["right"], rng, typed)
