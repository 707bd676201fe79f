"""What a chip's ROM prints after a reset (ESP-IDF Programming Guide, "Fatal Errors" and "Application Startup
Flow"; esptool documentation, "Boot Mode Selection")."""

from host_tools.sim import layout
from host_tools.sim.chip.targets import target

POWER_ON = {"esp32": b"0x1 (POWERON_RESET)"}
CAUSES = {
    layout.PWRON_RESET: b"0x1 (POWERON)",
    layout.HARD_RESET: b"0xc (RTC_SW_CPU_RST)",
    layout.WDT_RESET: b"0x8 (TG1WDT_SYS_RST)",
    layout.DEEPSLEEP_RESET: b"0x5 (DSLEEP)",
}
MODES = {"esp32": (b"0x13", b"0x3"), "esp32s3": (b"0x8", b"0x0"), "esp32c3": (b"0xc", b"0x4")}
DOWNLOADS = {"esp32": b"DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)"}
WAITING = b"waiting for download\r\n"


def reset(chip: str, cause: int, *, download: bool) -> bytes:
    """The lines of a reset: why, and how the boot pins were."""
    why = CAUSES.get(cause, CAUSES[layout.PWRON_RESET])
    if cause == layout.PWRON_RESET:
        why = POWER_ON.get(chip, why)
    mode = MODES[chip][1 if download else 0]
    name = DOWNLOADS.get(chip, b"DOWNLOAD(USB/UART0)") if download else b"SPI_FAST_FLASH_BOOT"
    return target(chip).rom_banner.encode() + b"rst:" + why + b",boot:" + mode + b" (" + name + b")\r\n"
