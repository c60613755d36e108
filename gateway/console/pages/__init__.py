"""One file a page; each says in ``ROUTES`` where it stands."""
