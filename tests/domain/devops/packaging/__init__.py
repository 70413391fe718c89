"""Packaging: packages published once, images found by digest and scanned before they ship."""
