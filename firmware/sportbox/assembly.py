"""How the running board is put together, once: a `Box` gets its pieces, then its parts and tasks. Forgotten
when that is done (system/forget.py), so nothing that is kept may be a function of this file."""

import json

from micropython import const

from sportbox import __version__
from sportbox.access import Desk
from sportbox.app import App, Reports
from sportbox.box import random_bits
from sportbox.compose import make_keys, make_parts
from sportbox.core.clock import Clock
from sportbox.core.token import Access
from sportbox.drivers import chip
from sportbox.kit import Kit
from sportbox.net.message import Settings
from sportbox.net.packets import Packets
from sportbox.net.session import Session
from sportbox.net.wifi import Wifi
from sportbox.store import record
from sportbox.store.outbox import Outbox
from sportbox.store.replay import ReplayLog
from sportbox.store.spare import Spare
from sportbox.system.forget import forget
from sportbox.system.health import Uptime, measure_stalls
from sportbox.system.history import History
from sportbox.system.log import Log
from sportbox.system.supervisor import Supervisor
from sportbox.system.timekeeper import Timekeeper

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.box import Box
    from sportbox.compose import Facts
    from sportbox.store.slots import State

_SILENT_MS = const(60000)
_TOKEN_MAX = const(1536)  # bytes; the packet buffer holds the topic beside it
_DATA = "/data"
_CRASH = "/data/crash"
_SLOTS = "/slots"


def assemble(box: "Box", config: "Facts", secrets: "Facts") -> None:
    """Everything but the parts: the store, the clock, the network, who checks orders."""
    box.config = config
    box.secrets = secrets
    box.slots = _record_of_slots()
    _identify(box, secrets)
    box.uptime = Uptime()
    now_ms = box.uptime.ms
    box.log = Log(config["log_level"], now_ms)
    wifi = secrets["wifi"]
    box.wifi = Wifi(wifi["ssid"], wifi["password"], box.link, now_ms, random_bits)
    box.wifi.beat = box.beat
    box.wifi.refused = box.no_radio
    box.wifi.switch_on()  # the chip's random numbers are only random while its radio is on
    record.make_dir(_DATA)
    box.history = History(_DATA + "/boots")
    box.reset = chip.reset_cause(config.get("chip"))
    box.begin()
    box.clock = Clock()
    wear = box.history.wear
    box.spare = Spare(wear)
    _keep_log(box, [wifi["password"], secrets.get("broker", {}).get("password")])
    limits = config["outbox"]
    box.outbox = Outbox(_DATA + "/outbox", limits["ordinary_bytes"], limits["reserve_bytes"], wear)
    rest = box.kept
    if rest is None:
        box.outbox.open()
        from sportbox.store.opening import open_memory

        box.remembered = open_memory(_DATA + "/memory", box.outbox, wear)
    else:
        box.outbox.open(rest.acked_seq, rest.seq)
        box.remembered = rest.parts
    box.replay = ReplayLog(_DATA)
    box.replay.wear = wear
    box.replay.open(box.outbox.durable_seq)
    forget("sportbox.store.opening")
    box.uplink = box.make_uplink()
    box.log.to(box.uplink.log)
    box.app = App(_DATA, box.clock, box.outbox, box.uplink, limits["batch_ms"], now_ms, box.wake)
    box.uplink.describe(box.telemetry, box.app.state_of)
    box.app.wear = wear
    box.app.log = box.log
    box.app.box = box
    box.app.desk = _desk(box)
    server = (config["ntp"]["host"], config["ntp"]["port"])
    box.time = Timekeeper(box.clock, _DATA, server, box.wifi, now_ms, box.clock_changed, box.clock_fault)
    box.time.wear = wear
    box.session = _session(box)
    led, buzzer = config.get("led"), config.get("buzzer")
    box.lamp = None if led is None else chip.Lamp(led["pin"], led["active"])
    if buzzer is not None:
        from sportbox.signals import Signals

        lamps = [chip.Lamp(buzzer["pin"], buzzer["active"])]
        if box.lamp is not None:
            lamps.append(box.lamp)
        box.app.signals = Signals(lamps)
    box.supervisor = Supervisor(now_ms, box.crashed)
    box.app.on_crash = box.crashed


def _identify(box: "Box", secrets: "Facts") -> None:
    from sportbox.system.identity import identity

    box.identity = identity(box.root, secrets, box.slots)
    forget("sportbox.system.identity", "sportbox.core.certificate", "sportbox.store.renewal")


def _keep_log(box: "Box", hidden: "list[str | None]") -> None:
    """On flash from now on. `hidden` are what else is kept in RAM of the secrets, but keys."""
    log = box.log
    log.path = _DATA + "/log"
    log.wear = box.history.wear
    log.clock = box.clock
    log.hidden = [text for text in hidden if text]
    log.boot = box.history.boots


def _desk(box: "Box") -> Desk:
    config, app = box.config, box.app
    return Desk(
        Access(config["site"] + "/" + config["device"], make_keys(box.secrets)),
        box.replay,
        box.clock,
        box.nonce,
        _TOKEN_MAX,
        app.refusal_of,
        app.carry_out,
        box.report_access,
        app.answer,
        box.configured,
        app.make_room,
        box.outbox.next_seq,
    )


def _session(box: "Box") -> Session:
    config, base = box.config, box.uplink.base
    user = box.secrets.get("broker", {})
    client_id = "%s-%s" % (config["site"], config["device"])
    packets = Packets(client_id, config["mqtt"]["keepalive_s"], user.get("user"), user.get("password"))
    tls = config["broker"].get("tls")
    if tls is not None:
        from sportbox.net.secure import Secure

        box.secure = Secure(tls["name"], box.clock, box.time, box.root + "/certs/")
    return Session(
        Settings(config["broker"]["host"], config["broker"]["port"], config["mqtt"]),
        packets,
        base + "/cmd",
        (base + "/availability", "offline"),
        box.uplink.next_message,
        box.app.command,
        box.went_up,
        box.went_down,
        box.resolve,
        box.uptime.ms,
        random_bits,
        box.secure,
    )


def start(box: "Box") -> None:
    """Nothing moves at boot: the parts take note of what is, then the tasks start."""
    app = box.app
    memory, box.remembered = box.remembered, None
    kit = Kit(box.config, box.secrets, app, Reports(app), box.uptime.ms)
    box.time.open(kit.rtc())
    box.before_parts()
    app.parts = make_parts(kit)
    kit.forget()
    running = [a.order.component for a in box.replay.answers.values() if a.result == "accepted"]
    if box.kept is None:
        box.log.write("info", "starts: reset %s, firmware %s" % (box.reset, __version__), True)
        booted = {"boot": box.history.boots, "reset": box.reset, "firmware": __version__}
        app.event("device", "device.booted", booted)
    if memory is None:
        app.event("device", "device.fault", {"what": "memory"})
    _recall(app, running, memory or {})
    _tell_crash(box)
    box.log.tick(0)  # now, while there is memory enough
    if not box.replay.readable:
        app.event("device", "device.fault", {"what": "replay_log_unreadable"})
    if box.replay.answers:
        from sportbox.store.opening import settle

        settle(app.desk, _pending(box))
        forget("sportbox.store.opening")
    if box.trial is not None:
        box.trial.step(box)
    app.all_states()
    box.publish_info()
    add = box.supervisor.add
    add("edges", app.watch_edges)
    add("house", box.keep_house, _SILENT_MS, box)  # before what it keeps going
    add("wifi", box.wifi.run, _SILENT_MS, box.wifi)
    add("session", box.session.run, _SILENT_MS, box.session)
    for part in app.parts:
        sampler = part.sampler()
        if sampler is not None:
            add(part.name, sampler, vital=False)
    if app.signals is not None:
        add("signals", app.signals.run, vital=False)
    box.add_jobs()
    box.stalls = measure_stalls()  # until now nobody had to wait


def _recall(app: App, orders: "list[str]", memory: "dict[str, object]") -> None:
    """Gives the parts what they knew before; `orders` are the components with an order cut off."""
    for part in app.parts:
        names = [name for name, _, _ in part.states()]
        part.restore(memory.get(part.name), any([name in orders for name in names]))


def _pending(box: "Box") -> str:
    """The jti of the order that goes on over the restart."""
    if box.slots is not None and box.slots["update"] is not None:
        return str(box.slots["update"]["jti"])
    return "" if box.trial is None else box.trial.jti


def _record_of_slots() -> "State | None":
    """If it tells of something: most times the module for it need not be loaded, which would leave holes."""
    try:
        stored = record.read(_SLOTS)
        state = None if stored is None else json.loads(stored)
    except (record.Corrupt, ValueError):
        return None
    return state if isinstance(state, dict) and (state.get("update") or state.get("fell")) else None


def _tell_crash(box: "Box") -> None:
    if not chip.has_notes() and not record.exists(_CRASH) and box.reset != "watchdog":
        return  # most boots: what is not needed costs no memory
    from sportbox.system import crash

    def tell(component: str, kind: str, note: "dict[str, object]") -> None:
        box.log.write("error", "crashed before this start: %s: %s" % (note["task"], note["error"]))
        box.app.event(component, kind, note)

    try:
        crash.tell(_CRASH, box.reset, box.history.boots, tell)
    except OSError:
        box.log.write("warning", "the last crash cannot be read or removed")
