"""A library of generative models that stand on their own.

>>> import torch
>>> from genmodels.autoencoders import VAE
>>> vae = VAE(shape=(1, 8, 8), latent=2, width=8)
>>> images = torch.rand(32, 1, 8, 8)
>>> fitted = vae.fit(images, steps=2)
>>> vae.sample(4).shape
torch.Size([4, 1, 8, 8])
"""

__version__ = "0.1.0"
