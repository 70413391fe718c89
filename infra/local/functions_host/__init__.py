"""A local Azure Functions host: Microsoft's Python worker library in-process, our own triggers around it."""
