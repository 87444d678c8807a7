"""What several rooms' tests share: readable stand-ins, and a real daemon to talk to."""
