"""The only users of `machine` and `esp32`."""
