"""The page of a record: self-contained, prints on one sheet of A4 (the largest box has some 50 results)."""

from html import escape

from host_tools.port.record import Record, Result
from host_tools.port.selftest_names import called, short
from host_tools.words import tr

DENSE_FROM = 30

STYLE = """
@page { size: A4; margin: 10mm 14mm; }
body { font: 10pt/1.35 "DejaVu Sans", Arial, sans-serif; color: #111; max-width: 182mm; margin: 0 auto; }
body.dense { font-size: 7pt; line-height: 1.15; }
body.dense th, body.dense td { padding: 0.2mm 2mm 0.2mm 0; }
h1 { font-size: 15pt; margin: 0 0 2mm; }
.verdict { border: 0.6mm solid #111; padding: 1.5mm 3mm; font-weight: bold; display: inline-block; }
.failed { background: #111; color: #fff; }
table { border-collapse: collapse; width: 100%; margin: 3mm 0; }
th, td { text-align: left; vertical-align: top; padding: 0.4mm 2mm 0.4mm 0; border-bottom: 0.1mm solid #999; }
dl { display: grid; grid-template-columns: max-content 1fr max-content 1fr; gap: 0.3mm 3mm; margin: 3mm 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
tr.bad td { font-weight: bold; }
.cure { display: block; font-weight: normal; font-style: italic; }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 12mm; margin-top: 12mm; break-inside: avoid; }
.sign div { border-top: 0.2mm solid #111; padding-top: 1mm; }
@media print { tr, dl { break-inside: avoid; } }
"""


def page(record: Record) -> str:
    """HTML in the language that is spoken now; everything that came from elsewhere is escaped."""
    title = tr("Acceptance record: {device}", device=record.device or record.mac)
    heads = _cells("th", tr("what"), tr("check"), tr("result"), tr("value"), tr("time"))
    signs = _cells("div", tr("place, date"), tr("signature of the technician"))
    dense = ' class="dense"' if len(record.results) >= DENSE_FROM else ""
    return f"""<!doctype html>
<html lang="{escape(record.language)}">
<head><meta charset="utf-8"><title>{escape(title)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{STYLE}</style></head>
<body{dense}>
<h1>{escape(title)}</h1>
<p class="verdict{"" if record.verdict == "passed" else " failed"}">{escape(_verdict(record))}</p>
{_facts(record)}
<table>
<thead><tr>{heads}</tr></thead>
<tbody>
{chr(10).join(map(_row, record.results))}
</tbody>
</table>
<p>{escape(_left_out(record))}</p>
<div class="sign">{signs}</div>
</body>
</html>
"""


def check_name(check: str) -> str:
    """Of a check, for people."""
    names = {
        "config": tr("configuration"),
        "files": tr("files"),
        "chip": tr("chip"),
        "flash": tr("flash memory"),
        "heap": tr("memory"),
        "reset": tr("last start"),
        "crash": tr("last crash"),
        "wifi": tr("reception"),
        "dns": tr("names"),
        "time": tr("network time"),
        "rtc": tr("time kept"),
        "broker": tr("session"),
        "expander": tr("answers"),
        "battery": tr("voltage"),
        "bolt": tr("bolt contacts"),
        "contact": tr("contact"),
        "pir": tr("motion"),
        "radar": tr("reports"),
        "tof": tr("distance"),
        "keypad": tr("keys"),
        "door": tr("opened and closed"),
        "lock": tr("unlocked and locked"),
        "led": tr("blinks"),
        "buzzer": tr("sounds"),
    }
    return names.get(check) or tr("worked by hand")


def verdict_of(ok: bool | None) -> str:
    return tr("passed") if ok else tr("FAILED") if ok is False else tr("not tested")


def _verdict(record: Record) -> str:
    if record.verdict == "passed":
        untold = dict.fromkeys(called(one.component) for one in record.results if one.ok is None)
        if not record.with_hardware:
            return tr("PASSED (without the hardware by hand)")
        return tr("PASSED; not tested: {what}", what=", ".join(untold)) if untold else tr("PASSED")
    return tr("FAILED: {what}", what=", ".join(dict.fromkeys(called(one.component) for one in record.failed)))


def _facts(record: Record) -> str:
    key = "-" if record.key_version is None else str(record.key_version)
    facts = (
        (tr("site"), _titled(record.site, record.site_title)),
        (tr("device"), _titled(record.device, record.device_title)),
        (tr("board"), record.board),
        (tr("chip"), record.chip),
        (tr("MAC"), record.mac),
        (tr("USB serial number"), record.serial_number),
        (tr("port"), record.port),
        (tr("firmware"), record.firmware),
        ("MicroPython", record.micropython),
        ("sportbox", record.tool),
        (tr("configuration"), record.config_hash),
        (tr("key version"), key),
        (tr("begun"), record.begun),
        (tr("ended"), record.ended),
    )
    return (
        "<dl>"
        + "".join(f"<dt>{escape(name)}</dt><dd>{escape(text or '-')}</dd>" for name, text in facts)
        + "</dl>"
    )


def _titled(name: str | None, title: str | None) -> str | None:
    return f"{title} ({name})" if title and name else name


def _row(result: Result) -> str:
    cells = _cells("td", called(result.component), check_name(result.check), verdict_of(result.ok))
    told = "; ".join(filter(None, (short(result.value), result.text)))
    cure = f'<span class="cure">{escape(result.cure)}</span>' if result.cure and result.ok is False else ""
    bad = ' class="bad"' if result.ok is False else ""
    return f"<tr{bad}>{cells}<td>{escape(told)}{cure}</td>{_cells('td', result.at[11:19])}</tr>"


def _cells(tag: str, *texts: str) -> str:
    return "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts)


def _left_out(record: Record) -> str:
    if not record.skipped:
        return ""
    return tr("left out on request: {names}", names=", ".join(record.skipped))
