"""Models that take noise off.

| file | what |
|---|---|
| `schedules.py` | how much image and how much noise there is at a time |
| `predictions.py` | what the network is asked for |
| `samplers.py` | from noise to image, step by step |
| `diffusion.py` | the model: any schedule, any prediction, any sampler |
"""

from genmodels.diffusion.diffusion import Diffusion
from genmodels.diffusion.samplers import SAMPLERS
from genmodels.diffusion.schedules import SCHEDULES

__all__ = ["SAMPLERS", "SCHEDULES", "Diffusion"]
