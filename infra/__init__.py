"""What runs the app: infrastructure as code and the laptop cloud."""
