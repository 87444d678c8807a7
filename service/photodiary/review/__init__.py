"""The page: what the diary holds, what it doubts, and what a person says about it."""
