"""The command line: options and help. Importing it is light."""
