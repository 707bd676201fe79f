"""`sportbox sim`: simulated boards, from one on the desk to a thousand under load."""

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from host_tools.commands.options import Json, SiteFile, StateDir, new_app
from host_tools.commands.sim_board import board as run_board
from host_tools.commands.sim_network import network as run_network
from host_tools.commands.sim_storm import storm as run_storm
from host_tools.commands.sim_up import up as run_up
from host_tools.errors import BadInput
from host_tools.output import emit, printable, say
from host_tools.site.state import state_dir

if TYPE_CHECKING:
    from host_tools.sim.board import SimBoard

app = new_app()
app.command("up")(run_up)
app.command("board")(run_board)
app.command("network")(run_network)
app.command("storm")(run_storm)

BOARDS_FOLDER = "boards"
NAMES_SHOWN = 20
SENSORS = ("pir", "radar", "tof")

BoardName = Annotated[str, typer.Argument(metavar="BOARD", help="the board's name in the site file")]


@app.command("set", context_settings={"ignore_unknown_options": True})  # -20 is a temperature
def set_(
    board: BoardName,
    component: Annotated[str, typer.Argument(metavar="COMPONENT", help="door-2, court-1, keypad, wifi, ...")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="open, occupied, in, down, ...")],
    state: StateDir = None,
    json_: Json = False,
) -> None:
    """Change a board's world, whether it has power or not.

    A number can be left out where there is only one.

    \b
    door-N open|closed|pull|stuck|free|cut|joined   open: by force, pull: if unlocked, cut: its wire
    lock-N jam|lost|ok|cut|joined|new               lost: falls back by itself, new: for a burnt one
    release-N press|clear   inside-N occupied|free   tamper-N open|closed
    keypad-N KEYS                                   1234#, or 1+2 for keys pressed together
    court-N occupied|free|PEOPLE   gate-N in|out
    pir-N stuck|ok   radar-N ghost|latched|silent|garbage|ok   tof-N lost|ok
    expander lost|ok   rtc lost|ok|flat   wifi up|down   clock set|lost
    battery MV   solar MV   temperature C
    """
    result = _board(state_dir(state), board).set(component, value)
    if json_:
        emit(result)
        return
    moved = result.get("said") or ("" if result.get("moved", True) else "as before")
    now = result.get("state") or f"somebody went {result.get('passed')}"
    power = "" if result["awake"] else " (the board is off)"
    say(f"{board} {result['component']}: {now}{f', {moved}' if moved else ''}{power}")


@app.command()
def cut(board: BoardName, state: StateDir = None, json_: Json = False) -> None:
    """Take a board's power away, at once."""
    from host_tools.sim.control import ask

    ask(state_dir(state), "cut", board)
    if json_:
        emit({"board": board, "power": False})
    else:
        say(f"{board} has no power now")


@app.command()
def boot(board: BoardName, state: StateDir = None, json_: Json = False) -> None:
    """Give a board its power back."""
    from host_tools.sim.control import ask

    answer = ask(state_dir(state), "boot", board)
    if json_:
        emit({"board": board, "power": True, "pid": answer["pid"]})
    else:
        say(f"{board} boots (pid {answer['pid']})")


@app.command()
def brownout(board: BoardName, state: StateDir = None, json_: Json = False) -> None:
    """Let a board's supply sag for a moment, so that it resets itself."""
    from host_tools.sim.control import ask

    answer = ask(state_dir(state), "brownout", board)
    if json_:
        emit({"board": board, "power": True, "pid": answer["pid"]})
    else:
        say(f"{board} resets after a brownout (pid {answer['pid']})")


@app.command()
def image(
    chip: Annotated[str, typer.Option("--chip", metavar="CHIP", help="esp32, esp32s3 or esp32c3")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="the .bin file to write")],
    version: Annotated[
        str, typer.Option("--version", metavar="VERSION", help="the MicroPython that it says it is")
    ] = "1.29.0",
    json_: Json = False,
) -> None:
    """Write a MicroPython image for simulated chips, merged as the official ones are."""
    from host_tools.sim.chip.image import sim_image
    from host_tools.sim.chip.targets import target

    data = sim_image(chip, version)
    try:
        output.write_bytes(data)
    except OSError as error:
        raise BadInput(
            f"cannot write {output}: {error.strerror}", "name one in a folder that is there and yours"
        ) from None
    address = target(chip).bootloader_at
    if json_:
        emit({"image": str(output), "chip": chip, "version": version, "address": address, "bytes": len(data)})
    else:
        say(f"{output}: MicroPython {version} for a simulated {chip}, {len(data)} bytes")
        say(f"next: esptool --port PORT write-flash {address:#x} {output}")


@app.command()
def energy(
    site_file: SiteFile,
    wakes: Annotated[
        int, typer.Option("--wakes", metavar="N", min=0, max=2000, help="visits of each court a day")
    ] = 40,
    json_: Json = False,
) -> None:
    """What each board takes a day, and how long its battery lasts without sun."""
    from host_tools.sim.energy import budgets
    from host_tools.site.load import load_site

    found = asyncio.run(budgets(load_site(site_file), wakes, say))
    if json_:
        for budget in found:
            emit(budget.facts())
        return
    from rich.console import Console
    from rich.table import Table

    table = Table("board", "kind", "supply", "mAh a day", "of it", "days on battery")
    table.columns[1].overflow = "fold"
    for budget in found:
        largest = sorted(budget.mah.items(), key=lambda item: -item[1])
        parts = ", ".join(f"{name} {mah:.1f}" for name, mah in largest)
        days = "" if budget.days is None else f"{budget.days:.0f}"
        table.add_row(budget.board, budget.kind, budget.source, f"{budget.mah_a_day:.1f}", parts, days)
    Console().print(table)


@app.command()
def show(
    board: Annotated[str | None, typer.Argument(metavar="[BOARD]", help="one board; all by default")] = None,
    state: StateDir = None,
    json_: Json = False,
) -> None:
    """What is so in the world: power, doors, locks, people, Wi-Fi, clock; `watch` shows what boards say."""
    directory = state_dir(state)
    names = [board] if board is not None else _names(directory)
    worlds = [_board(directory, name).show() for name in names]
    if json_:
        for world in worlds:
            emit(world)
    else:
        _table(worlds)


def _names(directory: Path) -> list[str]:
    folder = directory / BOARDS_FOLDER
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir()) if folder.is_dir() else []
    if not names:
        raise BadInput(
            f"there are no simulated boards in {directory}",
            hint=f"sportbox sim up SITE.yaml --state {directory}",
        )
    return names


def _board(directory: Path, name: str) -> "SimBoard":
    from host_tools.sim.board import SimBoard

    names = _names(directory)
    if name not in names:
        more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        raise BadInput(
            f"there is no board `{printable(name)}` in {directory}",
            hint=f"its boards: {', '.join(names[:NAMES_SHOWN])}{more}",
        )
    return SimBoard(directory / BOARDS_FOLDER / name)


def _table(worlds: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("board", "power", "boots", "Wi-Fi", "clock", "what is so")
    for world in worlds:
        power = _power(world)
        boots = str(world["boot_count"])
        table.add_row(world["board"], power, boots, world["wifi"], world["clock"], "\n".join(_parts(world)))
    Console().print(table)


def _power(world: dict[str, Any]) -> str:
    if world["asleep"]:
        return "asleep"
    return "halted" if world["halted"] else "on" if world["power"] else "off"


def _parts(world: dict[str, Any]) -> list[str]:
    """One line a component."""
    lines = []
    for section in ("doors", "releases", "insides", "tampers"):
        for name, state in world[section].items():
            faults = world["faults"].get(name, [])
            lines.append(", ".join([f"{name} {state}", *faults]))
    for name, lock in world["locks"].items():
        state = f"{lock['is']}, energised" if lock["energised"] else lock["is"]
        number = lock["pulses"]
        pulses = f"{number} {'pulse' if number == 1 else 'pulses'}"
        longest = f", longest {lock['longest_ms']} ms" if number else ""
        lines.append(", ".join([f"{name} {state}, {pulses}{longest}", *lock["faults"]]))
    for name, court in world["courts"].items():
        people = f", {court['people']} people" if court["people"] > 1 else ""
        lines.append(f"{name} {court['is']}{people}" + _broken(court))
    lines += [f"{name} beams {' and '.join(gate['beams'])}" for name, gate in world["gates"].items()]
    for name, keypad in world["keypads"].items():
        lines.append(f"{name} {keypad}")
    supply = world["supply"]
    lines += [f"{name} {supply[f'{name}_mv']} mV" for name in ("battery", "solar") if f"{name}_mv" in supply]
    lines += [f"{chip} {state}" for chip, state in world["chips"].items() if state != "ok"]
    return lines


def _broken(court: dict[str, Any]) -> str:
    """Its sensors that are not as they should be."""
    sensors = {sensor: court[sensor] for sensor in SENSORS if court.get(sensor, "ok") != "ok"}
    return "".join(f", {sensor} {fault}" for sensor, fault in sensors.items())
