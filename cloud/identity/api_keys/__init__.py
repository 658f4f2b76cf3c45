"""API keys of programs that act for their owner."""
