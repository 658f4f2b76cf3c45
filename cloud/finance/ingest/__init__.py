"""From what comes in to a transaction: kept, read, filed, matched, scored; one way for every source."""
