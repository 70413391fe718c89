"""The objects themselves: storage, defaults, validation, patches and who owns which field."""
