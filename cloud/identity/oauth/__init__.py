"""Applications that people let act for them: OAuth 2.0 (RFC 6749, 7636, 7009, 7662, 8414, 9207)."""
