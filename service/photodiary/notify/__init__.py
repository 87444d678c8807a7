"""Messages to people: what is worth one, when it is due, and the ways it goes; never part of the service that watches the inbox."""
