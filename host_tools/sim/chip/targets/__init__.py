"""The chips that can be simulated: one small file of facts each."""

from host_tools.errors import BadInput
from host_tools.sim.chip.targets.esp32 import ESP32
from host_tools.sim.chip.targets.esp32c3 import ESP32C3
from host_tools.sim.chip.targets.esp32s3 import ESP32S3
from host_tools.sim.chip.targets.target import Target

TARGETS = {target.name: target for target in (ESP32, ESP32S3, ESP32C3)}


def target(name: str) -> Target:
    """The facts of the chip `name` ("esp32", "esp32s3", "esp32c3")."""
    try:
        return TARGETS[name]
    except KeyError:
        raise BadInput(f"there is no simulated chip `{name}`", hint=f"--chip {' | '.join(TARGETS)}") from None
