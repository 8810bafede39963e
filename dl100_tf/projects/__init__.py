"""The curriculum as code: one recipe per module, nothing shared."""
