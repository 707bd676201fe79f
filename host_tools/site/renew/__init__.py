"""New configuration, keys and certificates for boards at work, over the broker (docs/rotation.md)."""
