"""A base generator that composes one to four large toys at 128 px, and the autoencoder that it draws through."""
