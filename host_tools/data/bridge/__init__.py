"""A site's data to a city's platform: a spool on disk, and what each output makes of what is in it."""
