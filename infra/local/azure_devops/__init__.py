"""A local Azure DevOps: git, policies, pipelines, feeds and service hooks over REST and real repositories."""
