"""Saved views: searches of the list that somebody gave a name, for themselves or for everybody."""
