"""What edge and cloud agree on: units, money, time, wire messages, topics, signatures, the balance rule.

Nothing here does I/O except `shared.mqtt`, the one connection class both sides use.
"""
