"""How requests reach the objects: discovery, verbs, watches and tables."""
