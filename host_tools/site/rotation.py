"""New master secret, CA or keys of one board without an outage: the steps, and what each needs.

What the site should be follows from the vault alone: a step changes the vault, then broker and boards are
brought to what it says, as `site apply` would. So a step that was cut off is finished by doing it again, and
nothing else has to be remembered. docs/rotation.md has the steps.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from host_tools.errors import EXIT_FAILED, BadInput, ToolError
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.ca import new_authority
from host_tools.site.editing import raise_key_version
from host_tools.site.inventory import Inventory
from host_tools.site.keys import read_key_id
from host_tools.site.load import load_site
from host_tools.site.openvault import Vault
from host_tools.site.plan import Provider
from host_tools.site.resolve import device_of
from host_tools.site.vaultcontents import GENERATION_MAX, MASTER_BYTES, Contents, Rotation, Step, signer_of

What = Literal["master", "ca"]
NAMED = {"master": "master secret", "ca": "CA"}


@dataclass(frozen=True)
class Ground:
    """Broker and boards of the site as site file and vault want them now. `broker` is None where this project
    does not set it up."""

    boards: BoardsProvider
    broker: Provider | None = None


@dataclass(frozen=True)
class Standing:
    """How far a rotation is: the boards that lack what the vault wants, each with the reason."""

    rotation: Rotation | None
    lacking: dict[str, str] = field(default_factory=dict)


class Rotator:
    """`ground` is called anew after each change of vault or site file."""

    def __init__(
        self, site_file: Path, vault: Vault, ground: Callable[[], Ground], say: Callable[[str], None]
    ) -> None:
        self._file = site_file
        self._vault = vault
        self._ground = ground
        self._say = say

    @property
    def step(self) -> Step | None:
        return self._vault.rotation.step if self._vault.rotation else None

    def standing(self) -> Standing:
        """Raises Unreachable when the boards cannot be asked."""
        changes = self._ground().boards.changes()
        return Standing(self._vault.rotation, {one.name: one.text for one in changes})

    def rotate(self, what: What, yes: bool) -> list[str]:
        """Begin, or go on, until the new one is in use everywhere and the old one still counts. With a CA it
        stops once before that, for services have to trust it, too. Answers what is left of this step."""
        self._vault.change(lambda now: _begun(now, what))
        rotation = self._rotation(what)
        if rotation.step == "ending":
            raise BadInput(
                f"the renewal of the {NAMED[what]} is about to end",
                f"sportbox site rotate {self._file} {what} --finish",
            )
        if rotation.step in ("trust", "trusted"):
            self._say("boards and broker learn to trust the new CA")
            left = self._bring(broker_first=True)
            if left and not yes:
                return left
            if rotation.step == "trust":
                self._vault.change(_trusted)
                return left
            self._vault.change(_switched)
        self._say(f"boards and broker get what comes of the new {NAMED[what]}; the old one still counts")
        return self._bring(broker_first=True)

    def finish(self, what: What, yes: bool) -> list[str]:
        """End the old one. Raises ToolError, naming them, while boards lack the new one, unless `yes`."""
        rotation = self._rotation(what)
        if rotation.step in ("trust", "trusted"):
            raise BadInput("the new CA is not in use yet", f"first: sportbox site rotate {self._file} {what}")
        if rotation.step == "switch":
            lacking = self._ground().boards.changes()
            if lacking and not yes:
                raise ToolError(
                    f"boards without the new {NAMED[what]}: {', '.join(one.name for one in lacking)}",
                    "run it without --finish once they are back; --yes locks them out, until a cable helps",
                    EXIT_FAILED,
                    [f"{one.name}: {one.text}" for one in lacking],
                )
            self._vault.change(_ended)
        return self._end(yes)

    def abort(self, what: What) -> list[str]:
        """Back to the old one, while that is in use or counts for all."""
        rotation = self._rotation(what)
        if what == "ca" and rotation.step == "switch":
            raise BadInput(
                "the broker shows a certificate of the new CA already: there is no way back",
                f"sportbox site rotate {self._file} ca --finish, then rotate once more",
            )
        if rotation.step != "ending":
            self._vault.change(_aborted)
        return self._end(False)

    def device(self, name: str, inventory: Inventory) -> None:
        """New keys and certificate for one board; the old ones count until it has taken them over."""
        site = load_site(self._file)
        device_of(site, name)
        if inventory.pending(name) is not None:
            raise BadInput(
                f"the replacement of {name} is not finished",
                f"sportbox replace --site {self._file} --device {name}",
            )
        ground = self._ground()
        ground.boards.changes()
        if not ground.boards.seen(name).is_online and name not in ground.boards.back([name], self._say):
            raise ToolError(f"{name} is not at the broker; nothing was changed", "try again once it is", 3)
        version = site.devices[name].key_version
        kids = ground.boards.seen(name).info.get("keys") or []
        had = {key.version for kid in kids if (key := read_key_id(str(kid)))}
        if version in had:
            version = max(version, inventory.newest_version(name)) + 1
            raise_key_version(self._file, name, version)
        self._say(f"{name}: key version {version}")
        ground = self._ground()
        ground.boards.changes()
        failed = ground.boards.push([name], self._say)
        if failed:
            raise failed[name]
        self._apply(ground.broker)

    def _end(self, yes: bool) -> list[str]:
        left = self._bring(broker_first=False)
        if not left or yes:
            self._vault.change(_over)
        return left

    def _bring(self, broker_first: bool) -> list[str]:
        """Broker and boards to what the vault says now; what is left of the boards."""
        ground = self._ground()
        if broker_first:
            self._apply(ground.broker)
        left = ground.boards.apply(ground.boards.changes(), self._say)
        if not broker_first:
            self._apply(self._ground().broker)
        return left

    def _apply(self, broker: Provider | None) -> None:
        """Nothing goes on where the broker does not."""
        if broker is None:
            return
        left = broker.apply(broker.changes(), self._say)
        if left:
            raise ToolError(left[0], "mend that, then run the same command again", EXIT_FAILED, left[1:])

    def _rotation(self, what: What) -> Rotation:
        rotation = self._vault.rotation
        if rotation is None or rotation.what != what:
            raise BadInput(
                f"no renewal of the {NAMED[what]} has begun", f"sportbox site rotate {self._file} {what}"
            )
        return rotation


def _begun(now: Contents, what: What) -> Contents:
    """Contents with the new one made, unless it was made before."""
    if now.rotation is not None:
        if now.rotation.what != what:
            raise BadInput(
                f"a renewal of the {NAMED[now.rotation.what]} has begun and is not finished",
                f"sportbox site rotate SITE.yaml {now.rotation.what} --finish, or --abort",
            )
        return now
    step: Step = "trust" if what == "ca" else "switch"
    rotation = Rotation(what=what, step=step, begun_s=int(time.time()))
    if what == "ca":
        new = signer_of(new_authority(now.site))
        return _with(now, rotation=rotation, authorities=[*now.authorities, new])
    generation = now.last_generation + 1
    if generation > GENERATION_MAX:
        raise BadInput("this master secret was renewed too often")
    masters = {**now.masters, generation: secrets.token_bytes(MASTER_BYTES)}
    return _with(now, rotation=rotation, masters=masters, last_generation=generation)


def _trusted(now: Contents) -> Contents:
    """Boards and broker trust the new CA."""
    rotation = now.rotation
    if rotation is None or rotation.step != "trust":
        return now
    return _with(now, rotation=_at(rotation, "trusted"))


def _switched(now: Contents) -> Contents:
    """The new CA signs from now on."""
    rotation = now.rotation
    if rotation is None or rotation.step != "trusted":
        return now
    old, new = now.authorities
    return _with(now, rotation=_at(rotation, "switch"), authorities=[new, old], ca_renewed=True)


def _ended(now: Contents) -> Contents:
    """The old one is gone."""
    rotation = now.rotation
    if rotation is None or rotation.step != "switch":
        return now
    if rotation.what == "ca":
        return _with(now, rotation=_at(rotation, "ending"), authorities=now.authorities[:1])
    newest = max(now.masters)
    return _with(now, rotation=_at(rotation, "ending"), masters={newest: now.masters[newest]})


def _aborted(now: Contents) -> Contents:
    """The new one is gone; its generation is not used again."""
    rotation = now.rotation
    if rotation is None or rotation.step == "ending":
        return now
    if rotation.what == "ca":
        return _with(now, rotation=_at(rotation, "ending"), authorities=now.authorities[:1])
    oldest = min(now.masters)
    return _with(now, rotation=_at(rotation, "ending"), masters={oldest: now.masters[oldest]})


def _over(now: Contents) -> Contents:
    return _with(now, rotation=None)


def _at(rotation: Rotation, step: Step) -> Rotation:
    return rotation.model_copy(update={"step": step})


def _with(contents: Contents, **changes: object) -> Contents:
    return contents.model_copy(update=changes)
