"""What a row is: a frozen class per kind of row, and its Arrow schema."""
