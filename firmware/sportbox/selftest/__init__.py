"""What the board checks of itself, and what it asks a technician to do; loaded only when `system.selftest`
asks for it, so a running board pays nothing for it."""
