"""A local Azure DevOps: the REST subset of git, policy and service hooks over real bare git repositories."""
