"""The primitives that models are made of; one of each.

| file | what |
|---|---|
| `mlp.py` | stacks of linear layers |
| `conv.py` | from images to vectors and back |
| `embeddings.py` | numbers made easy to tell apart |
"""

from genmodels.nn.conv import ConvDecoder, ConvEncoder
from genmodels.nn.embeddings import FourierFeatures
from genmodels.nn.mlp import mlp

__all__ = ["ConvDecoder", "ConvEncoder", "FourierFeatures", "mlp"]
