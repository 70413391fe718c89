"""NuGet feeds of the package service: publish, flat container, registrations and search."""
