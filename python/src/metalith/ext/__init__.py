"""Metalith within other systems. Each module needs the system it is named after."""
