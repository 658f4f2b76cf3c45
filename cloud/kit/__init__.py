"""What every domain needs and none owns: the store, the event log, HTTP manners. No domain word here."""
