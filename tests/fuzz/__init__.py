"""Hostile input: the same targets under atheris, and with mutated corpora on both interpreters
(docs/fuzzing.md)."""
