"""The demo: one delivery through the front doors of the laptop cloud, told as it happens, then proved."""
