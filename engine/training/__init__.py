"""Training: what is trained, what its loop is handed, and what it leaves behind a store."""
