"""Questions about a person's own transactions: understood by a grammar, answered by a query."""
