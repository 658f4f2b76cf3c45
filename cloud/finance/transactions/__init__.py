"""What was paid and received: the table everything else of a person's finance reads and writes."""
