"""Money that people put into projects: room, payment, ownership tokens."""
