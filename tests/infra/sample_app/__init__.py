"""The app that the functions host is tested with; its directory is an app directory like any other."""
