"""A site's data for others: what its messages are, Home Assistant, the bridge to city platforms."""
