"""Files that appear whole, and the commits, receipts and summaries that are made of them."""
