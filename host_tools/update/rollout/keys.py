"""Tokens of a rollout: signed with the newest ops key of the site that a board has."""

from collections.abc import Mapping
from typing import Any

from host_tools import token
from host_tools.site.keys import KeyName, device_key, key_id, read_key_id
from host_tools.site.models import Site


class Keys:
    """`masters` by generation: two while the older one still counts."""

    def __init__(self, site: Site, masters: Mapping[int, bytes]) -> None:
        self._site = site
        self._masters = dict(masters)

    def has_key(self, device: str, info: dict[str, Any]) -> bool:
        return self._named(device, info) is not None

    def token(self, device: str, info: dict[str, Any], claims: dict[str, Any]) -> str:
        name = self._named(device, info)
        assert name is not None
        site = self._site.site
        whole = {"aud": f"{site}/{device}", "sub": "update", "cmp": "device", **claims}
        if isinstance(info.get("nonce"), str):
            whole["nonce"] = info["nonce"]
        key = device_key(self._masters[name.generation], site, device, name.role, name.version)
        return token.make(whole, key, key_id(name.role, name.version, name.generation))

    def _named(self, device: str, info: dict[str, Any]) -> KeyName | None:
        """A board that does not name its keys has those of the site file."""
        kids = info.get("keys")
        if device not in self._site.devices:
            return None  # of an older site file
        if not isinstance(kids, list):
            return KeyName("ops", self._site.devices[device].key_version, max(self._masters))
        names = [name for kid in kids if isinstance(kid, str) and (name := read_key_id(kid)) is not None]
        mine = [name for name in names if name.role == "ops" and name.generation in self._masters]
        return max(mine, key=lambda name: (name.generation, name.version), default=None)
