"""One site file describes a sports ground: reading, checking, and turning it into what a board reads."""
