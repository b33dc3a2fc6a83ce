"""Features as datasets of Ray."""
