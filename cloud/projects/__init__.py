"""Projects that people invest in: what they are, how much room they have, what is new about them."""
