"""What lies between a board and its servers: the way, TCP, MQTT and its broker, time and names."""
