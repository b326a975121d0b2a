"""Tell the story: one short file per command, read top to bottom."""
