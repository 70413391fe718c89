"""How the world reaches us: the only room that imports azure.functions."""
