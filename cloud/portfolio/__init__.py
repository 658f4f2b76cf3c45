"""What somebody has in all projects, and how it did."""
