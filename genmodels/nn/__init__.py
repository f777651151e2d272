"""The primitives that models are made of; one of each.

| file | what |
|---|---|
| `mlp.py` | stacks of linear layers |
| `conv.py` | from images to vectors and back |
| `norm.py` | layers that keep activations at one size |
| `fourier_features.py` | numbers made easy to tell apart |
| `attention.py` | each place gathers what it asks for from the others |
| `transformer.py` | blocks of attention, one above the other |
| `unet.py` | images to images, given what else is told |
| `mixture.py` | the layer that ends in mixtures of Gaussians |
"""

from genmodels.nn.attention import Attention, Past, rotated, sinusoidal, sinusoidal_2d
from genmodels.nn.conv import ConvDecoder, ConvEncoder
from genmodels.nn.fourier_features import FourierFeatures
from genmodels.nn.mixture import MixtureHead
from genmodels.nn.mlp import mlp
from genmodels.nn.norm import PixelNorm
from genmodels.nn.transformer import Memory, Positions, Transformer
from genmodels.nn.unet import UNet

__all__ = [
    "Attention",
    "ConvDecoder",
    "ConvEncoder",
    "FourierFeatures",
    "Memory",
    "MixtureHead",
    "Past",
    "PixelNorm",
    "Positions",
    "Transformer",
    "UNet",
    "mlp",
    "rotated",
    "sinusoidal",
    "sinusoidal_2d",
]
