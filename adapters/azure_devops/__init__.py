"""Azure DevOps as the Git host and the host of pipelines: code, its review, its runs, and service hooks."""

from adapters.azure_devops.credentials import Credential, EntraToken, PersonalAccessToken
from adapters.azure_devops.pipeline_provider import AzureDevOpsPipelines
from adapters.azure_devops.provider import AzureDevOps

__all__ = ["AzureDevOps", "AzureDevOpsPipelines", "Credential", "EntraToken", "PersonalAccessToken"]
