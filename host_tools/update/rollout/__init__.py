"""An update for all boards of a site: a few first, then wave by wave (docs/updates.md, ADR 22)."""
