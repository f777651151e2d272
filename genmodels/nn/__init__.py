"""The primitives that models are made of; one of each.

| file | what |
|---|---|
| `mlp.py` | stacks of linear layers |
| `exact_linear.py` | a linear layer that stays in float32 |
| `conv.py` | from images to vectors and back |
| `norm.py` | layers that keep activations at one size |
| `fourier_features.py` | numbers made easy to tell apart |
| `attention.py` | each place gathers what it asks for from the others |
| `transformer.py` | blocks of attention, one above the other |
| `lora.py` | what a large layer learns anew, in few numbers |
| `unet.py` | images to images, given what else is told |
| `mixture.py` | the layer that ends in mixtures of Gaussians |
"""

from genmodels.nn.attention import Attention, Past, attention_weights, rotated, sinusoidal, sinusoidal_2d
from genmodels.nn.conv import ConvDecoder, ConvEncoder, for_looking
from genmodels.nn.exact_linear import ExactLinear
from genmodels.nn.fourier_features import FourierFeatures
from genmodels.nn.lora import LowRank, add_low_rank, load_low_rank, merge_low_rank, save_low_rank
from genmodels.nn.mixture import MixtureHead
from genmodels.nn.mlp import mlp
from genmodels.nn.norm import GroupNormSiLU, PixelNorm
from genmodels.nn.transformer import Memory, Positions, Transformer
from genmodels.nn.unet import UNet

__all__ = [
    "Attention",
    "ConvDecoder",
    "ConvEncoder",
    "ExactLinear",
    "FourierFeatures",
    "GroupNormSiLU",
    "LowRank",
    "Memory",
    "MixtureHead",
    "Past",
    "PixelNorm",
    "Positions",
    "Transformer",
    "UNet",
    "add_low_rank",
    "attention_weights",
    "for_looking",
    "load_low_rank",
    "merge_low_rank",
    "mlp",
    "rotated",
    "save_low_rank",
    "sinusoidal",
    "sinusoidal_2d",
]
