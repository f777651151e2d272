"""Models with an encoder and a decoder.

| file | what |
|---|---|
| `autoencoder.py` | what follows from an encoder and a decoder |
| `plain.py` | the autoencoder without a prior |
| `vae.py` | the variational autoencoder |
| `paper_vae.py` | the one of World Models, layer by layer |
"""

from genmodels.autoencoders.autoencoder import Autoencoder, GaussianAutoencoder
from genmodels.autoencoders.paper_vae import PaperVAE
from genmodels.autoencoders.plain import PlainAutoencoder
from genmodels.autoencoders.vae import VAE

__all__ = ["VAE", "Autoencoder", "GaussianAutoencoder", "PaperVAE", "PlainAutoencoder"]
