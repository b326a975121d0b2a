"""What a run is: stages, recipes, units, and one process that works on a unit and survives bad rows."""
