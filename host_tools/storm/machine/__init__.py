"""A board's own side: its VM on virtual time, its supply, its flash."""
