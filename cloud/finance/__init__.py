"""A person's own purchases and income: read from what they send, explained, answered."""
