"""What projects pay out: declared by operators, split to the cent, claimed once."""
