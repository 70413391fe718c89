"""A container registry on this machine: the OCI distribution API, ACR's webhook, Defender's scan results."""
