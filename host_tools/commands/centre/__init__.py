"""`sportbox centre`: a city's central broker, which the brokers of its sites bridge to."""

from host_tools.commands.centre.itself import config, leave, login, new, out, show
from host_tools.commands.centre.joining import accept, admit, join, request
from host_tools.commands.options import new_app

app = new_app()


@app.callback()
def centre() -> None:
    """A city's central broker: every site's Mosquitto bridges to it."""


for command in (new, show, join, request, admit, accept, leave, out, config, login):
    app.command()(command)
