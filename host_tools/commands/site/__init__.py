"""`sportbox site`: one file each command. What is heavy is imported inside them: each pays for its own."""

from host_tools.commands.options import new_app
from host_tools.commands.site.apply import apply
from host_tools.commands.site.check import check
from host_tools.commands.site.export import export
from host_tools.commands.site.import_ import import_
from host_tools.commands.site.login import login
from host_tools.commands.site.migrate import migrate
from host_tools.commands.site.new import new
from host_tools.commands.site.plan import plan
from host_tools.commands.site.rotate import rotate
from host_tools.commands.site.schema import schema
from host_tools.commands.site.status import status

app = new_app()
app.command()(check)
app.command()(new)
app.command()(schema)
app.command()(migrate)
app.command()(export)
app.command("import")(import_)
app.command()(plan)
app.command()(apply)
app.command()(status)
app.command()(login)
app.command()(rotate)


@app.callback()
def site() -> None:
    """Describe a sports ground in one file."""
