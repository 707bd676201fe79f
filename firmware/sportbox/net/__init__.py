"""Wi-Fi, name and time look-ups, and the MQTT session."""
