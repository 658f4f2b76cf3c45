"""Agents: who owns them, which key speaks for them, and what they are told to do."""
