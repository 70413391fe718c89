"""Every port in memory, for domain tests; the contract suites hold these to what the real ones do."""
