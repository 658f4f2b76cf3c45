"""How unusual a purchase is for this person, why, and what it was judged by."""
