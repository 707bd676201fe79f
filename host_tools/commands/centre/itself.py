"""`sportbox centre new`, `show`, `leave`, `config` and `login`: the centre by itself."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from host_tools.commands.centre.shared import Folder, Passphrase, open_centre, write_file
from host_tools.commands.options import Json
from host_tools.errors import BadInput
from host_tools.output import emit, say
from host_tools.words.system import reason

STDOUT = "-"


class KindName(StrEnum):
    mosquitto = "mosquitto"
    rabbitmq = "rabbitmq"


def new(
    folder: Folder,
    kind: Annotated[KindName, typer.Option("--kind", help="which broker it is", show_default=False)],
    host: Annotated[
        list[str],
        typer.Option(
            "--host",
            metavar="NAME",
            help="name or address of a node; a RabbitMQ has one, three or more, the first is used first",
            show_default=False,
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="its name [default: DIR's]", show_default=False),
    ] = None,
    port: Annotated[int, typer.Option("--port", help="for bridges of sites")] = 8883,
    services_port: Annotated[int, typer.Option("--services-port", help="for services")] = 8884,
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """Make a centre: a directory with centre.yaml and an encrypted file of its keys."""
    from host_tools.centre import keyfile, model

    made = model.checked(
        {
            "version": 1,
            "centre": name or folder.absolute().name,
            "kind": kind.value,
            "hosts": host,
            "port": port,
            "services_port": services_port,
        }
    )
    if (folder / model.FILE).exists():
        raise BadInput(f"there is a centre in {folder} already", f"sportbox centre show {folder}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"cannot make {folder}: {reason(error)}", "name one in a folder that is there and yours"
        ) from error
    # The key file first: cut off in between, there is no centre yet, and the file is named by the next try.
    keyfile.new_keys(folder, made, keyfile.source_of(passphrase_file))
    write_file(folder / model.FILE, model.text_of(made).encode(), 0o644)
    if json_:
        emit({"centre": made.centre, "kind": made.kind, "directory": str(folder), "hosts": made.hosts})
        return
    print(f"{folder}: centre {made.centre}, {made.kind}")
    say(f"note: then sportbox centre join {folder} SITE.yaml for every site, and")
    say(f"note: sportbox centre config {folder} -o OUT for the files of the broker")


def show(folder: Folder, passphrase_file: Passphrase = None, json_: Json = False) -> None:
    """Tell which sites have joined, and until when; no secret."""
    from host_tools.centre.handover import digest
    from host_tools.centre.members import ca_pem

    known, keys = open_centre(folder, passphrase_file)
    sha256 = digest(ca_pem(keys))
    if json_:
        emit({"centre": known.centre, "kind": known.kind, "hosts": known.hosts, "ca_sha256": sha256})
        for name, one in keys.members.items():
            emit({"site": name, "serial": one.serial, "until": one.until})
        return
    print(f"centre {known.centre}, {known.kind}: {', '.join(known.hosts)}")
    print(f"  CA: SHA-256 {sha256}")
    for name, one in keys.members.items():
        print(f"  site {name}: certificate until {one.until}")
    if not keys.members:
        print("  no site has joined")


def leave(
    folder: Folder,
    site: Annotated[str, typer.Argument(metavar="SITE", help="name of the site", show_default=False)],
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """A site leaves: the certificate of its bridge is void."""
    from host_tools.centre.members import dismiss

    _, keys = open_centre(folder, passphrase_file)
    dismiss(keys, site)
    if json_:
        emit({"site": site, "joined": False})
    else:
        print(f"{site} has left")
    say(f"note: it counts once the centre's broker has new files: sportbox centre config {folder} -o OUT")
    say("note: at the site, take broker.bridge out of the site file, then sportbox site apply")


def out(
    folder: Folder,
    site: Annotated[str, typer.Argument(metavar="SITE", help="name of the site", show_default=False)],
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """End the connection of a site that has left. First the broker needs its new files, or it is back."""
    from host_tools.centre.out import put_out
    from host_tools.output import printable

    known, keys = open_centre(folder, passphrase_file)
    host = put_out(known, keys, site)
    if json_:
        emit({"site": site, "host": host})
    else:
        print(f"{printable(site)} is out, if it was there ({host})")


def config(
    folder: Folder,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="folder to write", show_default=False)
    ],
    at: Annotated[
        Path | None,
        typer.Option(
            "--at",
            metavar="PATH",
            help="folder that the files of a node will lie in on its own computer [default: OUT]",
            show_default=False,
        ),
    ] = None,
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """Write the files of the centre's broker, for each of its nodes."""
    from host_tools.centre.output import write_all

    known, keys = open_centre(folder, passphrase_file)
    for one in write_all(known, keys, output, at):
        if json_:
            emit({"host": one.host, "folder": str(one.folder), "changed": one.changed, "then": one.then})
            continue
        changed = ", ".join(one.changed) or "nothing has changed"
        print(f"{one.host}: {one.folder}: {changed}")
        for what in one.then:
            say(f"note: then {what}")


def login(
    folder: Folder,
    service: Annotated[
        str, typer.Argument(metavar="SERVICE", help="booking, dashboard or recorder", show_default=False)
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help="write all of it there, with the password, for its owner alone; `-` prints it",
            show_default=False,
        ),
    ] = None,
    ca: Annotated[
        Path | None,
        typer.Option(
            "--ca", metavar="FILE", help="write the certificate of the centre's CA there", show_default=False
        ),
    ] = None,
    passphrase_file: Passphrase = None,
    json_: Json = False,
) -> None:
    """Tell a service where the centre is, whom to trust, what it may do; with --out its password, too."""
    from host_tools.centre.access import access_of
    from host_tools.site.access import without_password

    known, keys = open_centre(folder, passphrase_file)
    found = access_of(known, keys, service)
    if ca is not None:
        write_file(ca, found["ca"].encode(), 0o644)
        say(f"{ca}: the certificate that `{service}` has to trust")
    if out is not None and out != STDOUT:
        write_file(Path(out), json.dumps(found, indent=1).encode() + b"\n", 0o600)
        say(f"{out}: all that `{service}` needs, with its password: for its owner alone")
    if out == STDOUT:
        emit(found)
    elif json_:
        emit(without_password(found))
    elif out is None and ca is None:
        for name, value in without_password(found).items():
            if name != "ca":
                print(f"{name:<12} {', '.join(value) if isinstance(value, list) else value}")
        say(f"note: with the password into a file: sportbox centre login {folder} {service} --out FILE")
