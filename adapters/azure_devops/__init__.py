"""Azure DevOps as the Git host: repositories, branches, commits, pull requests, policies, service hooks."""

from adapters.azure_devops.credentials import Credential, EntraToken, PersonalAccessToken
from adapters.azure_devops.provider import AzureDevOps

__all__ = ["AzureDevOps", "Credential", "EntraToken", "PersonalAccessToken"]
