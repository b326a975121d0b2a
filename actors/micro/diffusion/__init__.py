"""Autoencoder, generator and painter of the micro family."""
