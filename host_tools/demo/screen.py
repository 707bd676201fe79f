"""The narration for people: coloured lines over a picture of the ground, or plain lines in a pipe."""

from types import TracebackType
from zoneinfo import ZoneInfo

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from host_tools.commands.watch_table import STYLES
from host_tools.demo.account import Event
from host_tools.demo.story import Line, Outcome, Status, clock, line_of, text_of
from host_tools.demo.words import Words
from host_tools.site.live import Message

BOARDS = ("box-", "court-")
WHO_WIDTH = 9
MARKS = {
    "act": ("\u203a", ">", ""),
    "good": ("✓", "+", "green"),
    "quiet": ("·", "-", "dim"),
    "refused": ("✗", "x", "yellow"),
    "alarm": ("!", "!", "bold red"),
}
LATE = ("↺", "~", "blue")
SUMMARY_ROWS = (
    "accepted",
    "delivered",
    "lost",
    "reordered",
    "duplicates",
    "unlocks_done",
    "refused",
    "forced",
)


class Screen:
    def __init__(self, words: Words, console: Console, zone: ZoneInfo) -> None:
        self.words = words
        self._console = console
        self._zone = zone
        self._fancy = console.is_terminal and not console.is_dumb_terminal
        self._unicode = console.encoding.lower().startswith("utf")
        self._live: Live | None = None

    def __enter__(self) -> "Screen":
        if self._fancy:
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_live()

    def _end_live(self) -> None:
        if self._live is not None:
            self._live.update(Text(""))
            self._live.stop()
            self._live = None

    # --- the narration ---

    def title(self, site: str, boards: int, broker: str, seed: int) -> None:
        words = self.words
        self._print(Text(words("title", site=site), style="bold"))
        self._print(Text(words("intro", boards=boards), style="dim"))
        self._print(Text(words("seed", broker=broker, seed=seed), style="dim"))

    def scene(self, name: str) -> None:
        heading = self.words(f"scene.{name}")
        self._print(Text(""))
        if self._fancy:
            self._print(Rule(Text(heading, style="bold"), align="left", style="dim"))
        else:
            self._print(Text(f"== {heading}"))

    def line(self, line: Line) -> None:
        sign, plain, style = MARKS[line.mood] if line.late is None else LATE
        mark = sign if self._unicode else plain
        text, who = text_of(self.words, line), self.words.who(line.who)
        if not self._fancy:
            self._print(Text(f"{clock(self._zone)}  {who:<{WHO_WIDTH}} {mark} {text}"))
            return
        row = Table.grid(padding=(0, 1))
        row.add_column(width=8)
        row.add_column(width=WHO_WIDTH, no_wrap=True)
        row.add_column(width=1)
        row.add_column(ratio=1)
        who_style = "cyan" if line.who.startswith(BOARDS) else "bold"
        body_style = style if line.mood in ("refused", "alarm", "quiet") or line.late else ""
        row.add_row(
            Text(clock(self._zone), style="dim"),
            Text(who, style=who_style),
            Text(mark, style=style),
            Text(text, style=body_style),
        )
        self._print(row)

    def heard(self, message: Message, event: Event | None) -> None:
        line = line_of(event, self._zone) if event is not None else None
        if line is not None:
            self.line(line)

    def _print(self, what: RenderableType) -> None:
        self._console.print(what, soft_wrap=not self._fancy, highlight=False)

    # --- the picture below it ---

    def status(self, status: Status) -> None:
        if self._live is not None:
            self._live.update(self._picture(status), refresh=True)

    def _picture(self, status: Status) -> RenderableType:
        box, courts = Text(no_wrap=True, overflow="ellipsis"), Text(no_wrap=True, overflow="ellipsis")
        foot = Text(no_wrap=True, overflow="ellipsis")
        for part, state in status.parts.items():
            self._part(courts if part.startswith("court") else box, part, state)
        broker = ("foot.broker_up", "green") if status.broker else ("foot.broker_down", "bold red")
        foot.append(self.words(broker[0]), style=broker[1])
        for device, availability in status.boards.items():
            foot.append("   ")
            foot.append("● " if self._unicode else "* ", style=STYLES.get(availability, "dim"))
            foot.append(device)
        foot.append("   " + self.words("foot.events", count=status.events))
        box.append(self.words("foot.inside", count="?" if status.inside is None else status.inside))
        return Group(Rule(style="dim"), box, courts, foot)

    def _part(self, text: Text, part: str, state: str) -> None:
        text.append(self.words.name("part", part) + " ")
        text.append(self.words.name("state", state), style=STYLES.get(state, ""))
        text.append("   ")

    # --- the end ---

    def outcome(self, outcome: Outcome) -> None:
        self._end_live()
        words, summary = self.words, outcome.summary
        table = Table(title=words("table.title"), title_justify="left", title_style="bold", show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True, style="bold")
        table.add_column(style="dim")
        reasons = "\n".join(
            f"{count} x {words.name('reason', reason)}" for reason, count in summary.refused.items()
        )
        for name in SUMMARY_ROWS:
            value = getattr(summary, name)
            number = sum(value.values()) if name == "refused" else value
            wrong = name in ("lost", "reordered") and number
            why = words(f"table.{name}.why", **({"reasons": reasons} if name == "refused" else {}))
            table.add_row(words(f"table.{name}"), Text(str(number), style="bold red" if wrong else ""), why)
        table.add_row(words("table.historical"), str(outcome.historical), words("table.historical.why"))
        table.add_row(words("table.stall"), f"{outcome.stall_ms} ms", words("table.stall.why"))
        self._print(Text(""))
        self._print(table)
        if not outcome.faults:
            self._print(Text(words("verdict.good", seconds=f"{outcome.seconds:.0f}"), style="bold green"))
            self._print(Text(words("next"), style="dim"))
            return
        self._print(Text(words("verdict.bad"), style="bold red"))
        for fault in outcome.faults:
            self._print(Text("  " + words(f"fault.{fault.key}", **fault.values), style="red"))
