"""Stores and integrations."""
