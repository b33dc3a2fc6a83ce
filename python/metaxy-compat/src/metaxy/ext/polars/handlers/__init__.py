"""Stores by format."""
