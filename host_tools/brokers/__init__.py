"""A site's own broker: its configuration from site file and vault, installing and proving it."""
