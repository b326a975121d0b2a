"""Photos from outside: the guarded door, listings, mattes, the library of cut-outs, backgrounds."""
