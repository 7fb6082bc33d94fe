"""The person's own page: what they agreed to, taking it back, and who has opened their case."""
