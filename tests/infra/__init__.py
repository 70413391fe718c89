"""The laptop cloud against independent clients."""
