"""What survives: a fault at every I/O call of every command's way, then recovery, then the same ending."""
