"""The kernel: what every bounded context is made of."""
