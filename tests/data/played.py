"""Messages as boards publish them, for tests of the bridge."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from host_tools.collect import Message
from host_tools.site.load import load_site
from host_tools.site.models import Site
from tests.data.traffic import faults_of

SITE = """\
version: 2
site: ground
title: Sports ground
position: {latitude: 54.09, longitude: 12.14}
broker: {tls: false}
devices:
  box-1:
    board: box-esp32s3
    title: Box
    components:
      lock-1: {}
      door-1: {}
      gate-1: {}
      tamper-1: {}
  court-1:
    board: field-esp32c3-battery
    components:
      court-1: {title: Basketball}
"""
BOOT = "00c0ffee0001"


def site_file(folder: Path, outputs: str = "") -> Path:
    path = folder / "ground.yaml"
    path.write_text(SITE + outputs)
    return path


def site(folder: Path, outputs: str = "") -> Site:
    return load_site(site_file(folder, outputs))


@dataclass
class PlayedBoard:
    """Numbers its events as a board does."""

    name: str
    boot: str = BOOT
    seq: int = 0
    said: list[str] = field(default_factory=list)

    def event(self, component: str, kind: str, data: Any, time: str | None, **more: Any) -> Message:
        self.seq += 1
        id_ = f"{self.name}-{self.boot}-{self.seq}"
        self.said.append(id_)
        body = {"specversion": "1.0", "id": id_, "source": f"/ground/{self.name}/{component}", **more}
        body |= {"type": f"sportbox.{kind}", "data": data, "bootid": self.boot}
        body |= {"seq": self.seq, "uptime": self.seq}
        if time is not None:
            body["time"] = time
        return self.message("event", json.dumps(body))

    def message(self, rest: str, payload: str, retained: bool = False) -> Message:
        found = Message(f"sportbox/v1/ground/{self.name}/{rest}", payload.encode(), retained)
        assert faults_of(found.topic, found.payload) == []
        return found
