"""What the ledger says, on the Stellar network: an outbox of signed transactions, and who sends it.

`outbox.Outbox` writes a transaction in the commit of what it is about; `submitter.Submitter` sends it.
"""
