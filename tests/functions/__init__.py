"""The rooms of functions/, each by itself, over memory where an adapter is needed."""
