"""The primitives that models are made of; one of each.

| file | what |
|---|---|
| `mlp.py` | stacks of linear layers |
| `conv.py` | from images to vectors and back |
| `norm.py` | layers that keep activations at one size |
| `fourier_features.py` | numbers made easy to tell apart |
| `mixture.py` | the layer that ends in mixtures of Gaussians |
"""

from genmodels.nn.conv import ConvDecoder, ConvEncoder
from genmodels.nn.fourier_features import FourierFeatures
from genmodels.nn.mixture import MixtureHead
from genmodels.nn.mlp import mlp
from genmodels.nn.norm import PixelNorm

__all__ = ["ConvDecoder", "ConvEncoder", "FourierFeatures", "MixtureHead", "PixelNorm", "mlp"]
