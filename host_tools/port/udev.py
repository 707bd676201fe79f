"""A udev rule for the USB chips of boards: whoever sits at the computer may use them, and ModemManager leaves
them alone. systemd's `uaccess` counts only in files whose name comes before 73; `ID_MM_PORT_IGNORE` is in
ModemManager's reference, "Common udev tags"."""

from pathlib import Path

from host_tools.port.ports import USB_CHIPS

RULE_FILE = Path("/etc/udev/rules.d/60-sportbox.rules")


def udev_rule() -> str:
    """The content of RULE_FILE."""
    lines = ["# USB chips of ESP32 boards. Written by `sportbox doctor --udev`."]
    for vid in sorted({vid for vid, _ in USB_CHIPS}):
        lines.append(
            f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vid:04x}", TAG+="uaccess", ENV{{ID_MM_PORT_IGNORE}}="1"'
        )
    return "\n".join(lines)


def rule_cure() -> str:
    reload = "sudo udevadm control --reload && sudo udevadm trigger"
    return f"sportbox doctor --udev | sudo tee {RULE_FILE} && {reload}"
