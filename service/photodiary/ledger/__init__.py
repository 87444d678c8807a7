"""The diary database: the only owner of sqlite3.  It is the queue, the memory and the only shared state."""
