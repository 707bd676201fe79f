"""Keeping the rest alive: supervisor, health figures, log."""
