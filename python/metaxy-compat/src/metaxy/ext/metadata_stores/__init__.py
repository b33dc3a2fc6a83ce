"""Stores, where they were before."""
