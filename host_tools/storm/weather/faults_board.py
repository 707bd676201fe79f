"""Faults of the board itself: its power, flash, clock and heap."""

from host_tools.sim import layout
from host_tools.storm.stage import Stage
from host_tools.storm.weather.doing import KINDS_TYPE, Doing, flicker, held, moment
from host_tools.storm.weather.plan import Fault

POWER, AT_OP, SECTOR, DRIFT, BATTERY = "power", "cut_at_op", "bad_sector", "drift", "battery"
FOREIGN = "foreign files"


def _power(_: Fault, stage: Stage) -> None:
    board = stage.board
    if stage.holds.values(POWER):
        if board.is_on:
            board.cut()
    elif not board.is_on:
        board.restore()


def _power_flaps(fault: Fault, stage: Stage) -> None:
    def turn(is_off: bool) -> None:
        if is_off:
            stage.holds.put(POWER, fault.number, True)
        else:
            stage.holds.drop(POWER, fault.number)
        _power(fault, stage)

    flicker(fault, stage, turn)


_POWER_CUT = held(lambda _: POWER, lambda _: True, _power)


def _brownout(_: Fault, stage: Stage) -> None:
    if stage.board.is_on:
        stage.board.brownout()


def _arm(fault: Fault, stage: Stage) -> None:
    stage.holds.put(AT_OP, fault.number, True)
    stage.board.cut_at_op(int(fault.args["op"]))


def _disarm(fault: Fault, stage: Stage) -> None:
    """The newest one counts; what has not come by now does not come any more."""
    stage.holds.drop(AT_OP, fault.number)
    if not stage.holds.values(AT_OP):
        stage.board.cut_at_op(0)


# --- flash ---


def _rot(fault: Fault, stage: Stage) -> None:
    stage.board.rot(int(fault.args["count"]))


def _sector(fault: Fault, stage: Stage) -> None:
    place = stage.holds.top(SECTOR)
    stage.board.bad_sector(None if place is None else sector_at(place, stage))


def sector_at(place: int, stage: Stage) -> int:
    """A sector's number in the filesystem; `place` is where in it, in ten-thousandths."""
    page = stage.world.world
    offset = page.get("vfs_offset") or layout.VFS_OFFSET
    size = page.get("vfs_size") or layout.FLASH_SIZE - offset
    return size * place // 10_000 // layout.FLASH_BLOCK


def _foreign(_: Fault, stage: Stage) -> None:
    stage.board.fill_flash(stage.holds.top(FOREIGN))


# --- clock, heap, battery ---


def _jump(fault: Fault, stage: Stage) -> None:
    stage.holds.jumped_us = stage.agenda.now_us
    stage.board.jump_wall(int(fault.args["jump_s"]))


def _drift(_: Fault, stage: Stage) -> None:
    stage.board.drift_ppm(stage.holds.top(DRIFT, 0))


def _deny_heap(fault: Fault, stage: Stage) -> None:
    """It ends by itself."""
    stage.board.deny_heap(fault.lasts_us, int(fault.args["least_bytes"]), float(fault.args["share"]))


def _battery(_: Fault, stage: Stage) -> None:
    full_mv = stage.holds.base(BATTERY, stage.world.world.get("battery_mv"))
    millivolts = stage.holds.top(BATTERY, full_mv)
    stage.world.set("battery", str(millivolts))
    stage.trace.note("true", component="battery", value=millivolts)


KINDS: KINDS_TYPE = {
    "power_cut": _POWER_CUT,
    "power_flaps": Doing(_power_flaps, _POWER_CUT.end),
    "cut_at_op": Doing(_arm, _disarm),
    "brownout": moment(_brownout),
    "rot": moment(_rot),
    "bad_sector": held(lambda _: SECTOR, lambda fault: int(fault.args["place"]), _sector),
    "flash_full": held(lambda _: FOREIGN, lambda fault: int(fault.args["left"]), _foreign),
    "deny_heap": moment(_deny_heap),
    "jump_wall": moment(_jump),
    "drift": held(lambda _: DRIFT, lambda fault: int(fault.args["ppm"]), _drift),
    "battery": held(lambda _: BATTERY, lambda fault: int(fault.args["mv"]), _battery),
}
