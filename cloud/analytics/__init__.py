"""Figures of the whole market for everybody, and of their own trades for those who are signed in."""
