"""What happened in a run, for the oracle and for whoever looks for a cause."""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from host_tools.storm.agenda import Agenda

Record = dict[str, Any]
HEAP_FREE = re.compile(r'\\"heap_free\\": \d+')


class Trace:
    """Records of JSON values, each with its time `us` and its `kind`."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self.records: list[Record] = []

    def note(self, kind: str, **facts: Any) -> None:
        self.records.append({"us": self._agenda.now_us, "kind": kind, **facts})

    def lines(self) -> Iterator[str]:
        for record in self.records:
            yield json.dumps(record, ensure_ascii=False, separators=(",", ":"))

    def digest(self) -> str:
        """SHA-256 of its lines: the same for the same run. Left out is how much heap is free: what the VM's
        collector takes for a pointer depends on what lies on this machine's stack by chance."""
        digest = hashlib.sha256()
        for line in self.lines():
            digest.update(HEAP_FREE.sub("", line).encode() + b"\n")
        return digest.hexdigest()
