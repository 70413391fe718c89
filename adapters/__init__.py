"""Adapters: one technology a file, each a subclass of its port."""
