"""What makes parts of a configuration: needed at the start alone, then forgotten (system/forget.py)."""
