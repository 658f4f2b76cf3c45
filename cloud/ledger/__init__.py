"""Double entry, holds and the verifiable log: the bottom that everyone stands on.

`service.Ledger.post` is the only way a balance changes.
"""
