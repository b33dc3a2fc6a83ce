"""Features and what they are made of."""
