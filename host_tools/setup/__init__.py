"""What `make setup` runs: the environment, the pinned device library and the ESP32 type stubs."""
