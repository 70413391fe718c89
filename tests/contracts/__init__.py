"""One suite per port, over memory and over the real adapter."""
