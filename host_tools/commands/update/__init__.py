"""`sportbox update`: bundles of the firmware, and rolling them out. What is heavy is imported inside."""

from host_tools.commands.options import new_app
from host_tools.commands.update.bundles import build, show
from host_tools.commands.update.rollout import abort, pause, resume, start, status

app = new_app()


@app.callback()
def update() -> None:
    """New firmware over the air: make a bundle, look at one, bring it to the boards of a site."""


for command in (build, show, start, status, pause, resume, abort):
    app.command()(command)
