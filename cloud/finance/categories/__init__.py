"""What a purchase is for, in the person's own words: by corrections, rules and nearness of meaning."""
