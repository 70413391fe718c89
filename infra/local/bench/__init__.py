"""`make bench`: what the platform itself costs, beside a bare-SDK loop in the same run."""
