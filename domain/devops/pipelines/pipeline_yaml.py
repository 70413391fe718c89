"""The YAML of a generated pipeline: it says which published template it extends, and with what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

TEMPLATES_ALIAS = "templates"
OPERATION_PARAMETER = "csOperationId"
"""Marks a run with the command that started it: the service has no idempotency key of its own."""

NO_OPERATION = "none"
"""The parameter's value in runs that nobody's command started; the service takes no empty default."""

_HEADER = """\
# Generated from {template} of {repository}, version {version}: a newer version replaces this file.
"""


@dataclass(frozen=True)
class PipelineSource:
    """What the YAML is made from. `templates_repository` is `Project/Repository` at the provider."""

    templates_repository: str
    template: str
    template_version: str
    default_branch: str
    definition_path: str
    version_prefix: str
    variables: Mapping[str, str]
    parameters: Mapping[str, str]

    def to_yaml(self) -> str:
        """The same source gives the same bytes."""
        document: dict[str, Any] = {
            # Two numbers of ours and a counter: every build number is a semantic version.
            "name": f"{self.version_prefix}.$(Rev:r)",
            "trigger": {
                "branches": {"include": [self.default_branch]},
                # The platform itself runs what it has generated; the service must not do so too.
                "paths": {"exclude": [self.definition_path]},
            },
            "pr": "none",
            "parameters": [
                {
                    "name": OPERATION_PARAMETER,
                    "displayName": "Operation that started the run",
                    "type": "string",
                    "default": NO_OPERATION,
                }
            ],
            "variables": [{"name": name, "value": value} for name, value in self.variables.items()],
            "resources": {
                "repositories": [
                    {
                        "repository": TEMPLATES_ALIAS,
                        "type": "git",
                        "name": self.templates_repository,
                        "ref": f"refs/tags/v{self.template_version}",
                    }
                ]
            },
            "extends": {
                "template": f"{self.template}@{TEMPLATES_ALIAS}",
                "parameters": {
                    OPERATION_PARAMETER: f"${{{{ parameters.{OPERATION_PARAMETER} }}}}",
                    **self.parameters,
                },
            },
        }
        header = _HEADER.format(
            template=self.template, repository=self.templates_repository, version=self.template_version
        )
        return header + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
