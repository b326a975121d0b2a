"""The shapes of toys, as signed distance fields."""
