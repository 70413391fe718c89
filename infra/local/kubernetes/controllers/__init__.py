"""The loops that turn what is asked for into what runs."""
