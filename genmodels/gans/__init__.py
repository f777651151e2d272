"""Models trained by a critic.

| file | what |
|---|---|
| `wgan.py` | the Wasserstein GAN with a gradient penalty |
"""

from genmodels.gans.wgan import WGANGP

__all__ = ["WGANGP"]
