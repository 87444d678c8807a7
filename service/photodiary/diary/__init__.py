"""The words: standard library only, no input or output, told everything, the time included."""
