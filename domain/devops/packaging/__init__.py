"""Packaging: what builds produced. Binaries stay in the feed and in the registry."""

from domain.kernel.context import Context

packaging = Context("devops", "packaging")
