"""The platform through its real doors: everything on the laptop cloud, nothing in-process."""
