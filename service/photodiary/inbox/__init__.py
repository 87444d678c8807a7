"""Where photos come in.  The scan is the truth, events only nudge, and nothing here ever writes to the inbox."""
