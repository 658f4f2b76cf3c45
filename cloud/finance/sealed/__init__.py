"""What only a person's own devices can read: sealed fields, keys wrapped for each (docs/encryption.md)."""
