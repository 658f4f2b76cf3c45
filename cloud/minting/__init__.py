"""Measured energy becomes LT, once: a claim is checked, weighed by quality, posted and listed at once."""
