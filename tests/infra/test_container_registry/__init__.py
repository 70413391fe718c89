"""The container registry, as OCI clients, webhook receivers and readers of scan results see it."""
