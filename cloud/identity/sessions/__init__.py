"""People who are signed in to the pages."""
