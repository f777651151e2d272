"""Flows: invertible maps between data and noise, and so exact densities.

| file | what |
|---|---|
| `flow.py` | what all flows share |
| `realnvp.py` | couplings of vectors |
| `image_flow.py`, `glow.py` | images; Glow, and RealNVP in scales |
| `multi_scale.py`, `dequantisation.py` | the skeleton of scales; whole numbers as points |
| `ffjord.py` | vectors, carried by a differential equation |
| `conditioners.py` | the networks within couplings |

>>> RealNVP(features=2).sample(3).shape
torch.Size([3, 2])
"""

from genmodels.flows.ffjord import FFJORD
from genmodels.flows.glow import Glow, MultiScaleRealNVP
from genmodels.flows.realnvp import RealNVP

__all__ = ["FFJORD", "Glow", "MultiScaleRealNVP", "RealNVP"]
