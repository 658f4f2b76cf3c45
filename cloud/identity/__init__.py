"""People, their wallets and their tokens."""
