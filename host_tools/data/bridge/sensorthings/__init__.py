"""OGC SensorThings API Part 1: Sensing, version 1.1 (OGC 18-088)."""
