"""The resident model, and the step that asks it."""
