"""The only owner of paths in the archive: where things lie (pure), and how they get there whole."""
