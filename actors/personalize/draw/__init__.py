"""Drawing with a base, or with what was taught to it."""
