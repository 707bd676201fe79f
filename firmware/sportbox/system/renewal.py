"""What becomes of new files that lie ready: tried, then taken over, or dropped for the old ones.

Loaded at a boot that finds `/next`, and no longer needed once that is decided. Each decision is written
before it is acted upon, and what follows from it can be done again: a power cut at any moment leaves the old
files or the new ones, whole (docs/adr/0012-renewal.md).
"""

import json
import os

from micropython import const

from sportbox.compose import NotProvisioned, load
from sportbox.store import record, renewal
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.box import Box
    from sportbox.compose import Facts
    from sportbox.store.renewal import State

_BOOTS_MAX = const(3)
_TRIAL_S = const(120)  # with Wi-Fi
_NO_WIFI_S = const(600)  # a wrong password of the Wi-Fi must not keep a board away for ever
_ID_SHOWN = const(12)
_UNREACHABLE = "unreachable"
_BY_HAND = "+"  # behind the hash of the configuration before: nobody told the one of the new


def resume(base: str = "") -> "Trial | None":
    """At boot, before anything is read: what is under way. Raises OSError.

    littlefs ends a rename from folder to folder that the power cut off with the first change after the mount
    (lfs_fs_forceconsistency); until then it may not show the name that follows the moved one."""
    record.make_dir(base + renewal.NEXT)
    state = renewal.read(base + renewal.READY)
    if state is None:
        renewal.clear(base)  # parts that never became a whole
        return None
    trial = Trial(state, base)
    if state["state"] == "change":
        trial.lay()
    if state["state"] == "taken":
        trial.move()
    elif state["state"] == "trial":
        trial.begin()
    return trial


class Trial:
    def __init__(self, state: "State", base: str = "") -> None:
        self._state = state
        self._base = base
        self._wifi_s = 0
        self._no_wifi_s = 0
        self.root = ""  # where the files are that this boot uses

    @property
    def jti(self) -> str:
        """Of the order that is still to be answered."""
        return self._state["jti"]

    def lay(self) -> None:
        """A changed part becomes a whole new set: now, where there is memory for it. Until the old files are
        left it can be done again. Raises OSError."""
        from sportbox.store import newfiles

        state, base = self._state, self._base
        change = state.pop("change")
        try:
            record.make_dir(base + renewal.CERTS)
            for path in renewal.FILES:
                if path in change:
                    content = load(base + path)
                    _merge(content, change[path])
                    if "hash" in content and "hash" not in change[path]:
                        content["hash"] = content["hash"].rstrip(_BY_HAND) + _BY_HAND
                    with open(base + renewal.NEXT + path, "w") as file:
                        json.dump(content, file)
                elif record.exists(base + path):
                    newfiles.copy_over(base, path)
            state["keep"] = newfiles.digests(base)
            state["state"] = "trial"
            self._write()
        except OSError:
            self.give_up("flash")
        except MemoryError:  # a board that falls here would fall at each start
            self.give_up("busy")

    def begin(self) -> None:
        """One more boot with the new files, or back to the old ones. Raises OSError."""
        state = self._state
        if state["boots"] >= _BOOTS_MAX:
            self.give_up(_UNREACHABLE)
        elif not self._is_ours():
            self.give_up("damaged")
        else:
            state["boots"] += 1
            self._write()
            self.root = self._base + renewal.NEXT

    def step(self, box: "Box") -> None:
        """Once a second: new files prove themselves by reaching the broker."""
        app = box.app
        if app.restart_at_ms is not None:
            return
        try:
            if self.decided() or self.tick(box.session.up, box.wifi.up):
                self._end(box)
        except OSError as error:  # what was decided is on flash, or not: the next boot sees
            box.log.write("error", "renewal: %s" % error)
            app.restart_at_ms = box.uptime.ms()

    def _end(self, box: "Box") -> None:
        """Tells, or goes back to the files that the decision is for. Raises OSError."""
        if self.root:  # runs with files that were given up
            if not box.app.busy():
                box.app.restart_at_ms = box.uptime.ms()
            return
        if box.secure is not None:
            box.secure.folder = "/certs/"
        box.root = ""
        self.tell(box.app)
        box.identity["renewal"] = self.newest()
        box.trial = None
        forget("sportbox.system.renewal")
        box.publish_info()

    def decided(self) -> bool:
        """Nothing is left but to tell."""
        return self._state["state"] != "trial"

    def tick(self, online: bool, wifi: bool) -> bool:
        """Once a second while it is tried. True when it is decided. Raises OSError."""
        if online:
            self._state["state"] = "taken"
            self._write()
            self.move()
            self.root = ""
        elif wifi:
            self._wifi_s += 1
        else:
            self._no_wifi_s += 1
        if self._wifi_s >= _TRIAL_S or self._no_wifi_s >= _NO_WIFI_S:
            self.give_up(_UNREACHABLE)
        return self.decided()

    def give_up(self, reason: str) -> None:
        """Decides for the old files. Raises OSError."""
        self._state["state"] = "failed"
        self._state["reason"] = reason
        self._write()

    def move(self) -> None:
        """The new files over the old ones; does no harm a second time. Raises OSError."""
        state, base = self._state, self._base
        for path in renewal.FILES:
            if path in state["keep"]:
                if record.exists(base + renewal.NEXT + path):  # else it was moved before the power went
                    record.make_dir((base + path).rsplit("/", 1)[0] or "/")
                    os.rename(base + renewal.NEXT + path, base + path)
            else:
                renewal.remove(base + path)
        renewal.write(base + renewal.TAKEN, {"id": state["id"][:_ID_SHOWN], "files": state["keep"]})

    def tell(self, app: "App") -> None:
        """The order's one final answer, an event, and nothing is left of it. Raises OSError."""
        state = self._state
        result = "done" if state["state"] == "taken" else "failed"
        app.desk.settle(state["jti"], result, state["reason"])
        data = {"id": state["id"][:_ID_SHOWN], "result": result, "reason": state["reason"]}
        app.event("device", "device.renewal", data)
        renewal.clear(self._base)

    def newest(self) -> "str | None":
        """The id of the renewal that was taken over last, as `info` shows it."""
        taken = renewal.read(self._base + renewal.TAKEN)
        return None if taken is None else taken["id"]

    def _is_ours(self) -> bool:
        """Files that can be read, for this device: a renewal makes no other one of a board."""
        try:
            old = load(self._base + "/config.json")
            new = load(self._base + renewal.NEXT + "/config.json")
            load(self._base + renewal.NEXT + "/secrets.json")
        except NotProvisioned:
            return False
        return (old.get("site"), old.get("device")) == (new.get("site"), new.get("device"))

    def _write(self) -> None:
        renewal.write(self._base + renewal.READY, self._state)


def _merge(content: "Facts", change: "Facts") -> None:
    for name, value in change.items():
        if isinstance(value, dict):
            _merge(content.setdefault(name, {}), value)
        else:
            content[name] = value
