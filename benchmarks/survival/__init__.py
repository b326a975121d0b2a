"""What is left after kills, damage and faults."""
