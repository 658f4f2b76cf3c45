"""Who an investor is, checked by an identity provider behind a port."""
