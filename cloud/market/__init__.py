"""The market's floor: who offers how much at which price.

Orders reserve what they promise in ledger accounts, so the market keeps no money of its own.
"""
