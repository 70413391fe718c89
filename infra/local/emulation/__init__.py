"""What the emulators of services share: the server around their routes, faults, logs, state, programs."""
