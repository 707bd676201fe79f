"""An evening at a simulated sports ground, played and counted."""
