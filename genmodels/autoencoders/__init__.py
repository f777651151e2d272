"""Models with an encoder and a decoder.

| file | what |
|---|---|
| `vae.py` | the variational autoencoder |
"""

from genmodels.autoencoders.vae import VAE

__all__ = ["VAE"]
