"""A token issuer for the laptop, in the shapes of Entra ID: keys, discovery, tokens for made-up people."""
