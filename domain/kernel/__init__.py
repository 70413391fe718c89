"""What every bounded context is made of, and nothing that knows one of them."""
