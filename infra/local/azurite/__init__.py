"""Azurite: Table, Blob and Queue Storage of the laptop cloud, on the Node that a Python wheel carries."""
