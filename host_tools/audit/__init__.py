"""Who opened what, when, for how long: a journal that shows tampering. docs/audit.md is for who runs it."""
