"""From frames to film."""
