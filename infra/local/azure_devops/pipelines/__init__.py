"""Azure Pipelines: YAML with its templates, definitions, and runs that really execute."""
