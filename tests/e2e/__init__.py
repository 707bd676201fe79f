"""A whole site, as its users see it."""
