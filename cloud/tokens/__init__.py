"""The LT token as others see it: how many exist."""
