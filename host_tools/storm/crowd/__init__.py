"""People, with and without a right: orders, doors, games, and who looks after the board."""
