"""Photos that lie elsewhere and are to move in: folders, exports of Google Photos, an Immich server."""
