"""Network node operators and where they are."""
