"""The service: pricing, minting, the market's floor and a public ledger, by domain folder.

One request: `<domain>/routes.py` (parse, guard) -> `<domain>/service.py` (one use case, one transaction)
-> rules in files named for their idea -> `<domain>/storage.py` + `ledger`
in one commit -> `events` -> answer.
"""
