"""Fiat money in and out, through a payment provider behind a port. Amounts are minor units of a currency."""
