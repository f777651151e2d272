"""Models trained by a critic.

| file | what |
|---|---|
| `gan.py` | any loss with any constraint on the critic |
| `dcgan.py` | the deep convolutional GAN |
| `wgan.py` | Wasserstein GANs: clipped weights, a gradient penalty |
| `conditional.py` | GANs that are told what to draw |
"""

from genmodels.gans.conditional import ConditionalGAN
from genmodels.gans.dcgan import DCGAN
from genmodels.gans.gan import GAN
from genmodels.gans.wgan import WGAN, WGANGP

__all__ = ["DCGAN", "GAN", "WGAN", "WGANGP", "ConditionalGAN"]
