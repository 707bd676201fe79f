"""One module a command, imported only when that command runs (see host_tools/cli.py)."""
