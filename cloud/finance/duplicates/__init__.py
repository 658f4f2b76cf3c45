"""The same purchase told by several sources: found, merged so that it can be undone, never dropped."""
