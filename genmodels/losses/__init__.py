"""Losses that more than one model uses.

| file | what |
|---|---|
| `adversarial.py` | what generators and critics want of each other |
| `penalties.py` | what keeps a critic smooth |
"""

from genmodels.losses.adversarial import wasserstein_critic, wasserstein_generator
from genmodels.losses.penalties import gradient_penalty

__all__ = ["gradient_penalty", "wasserstein_critic", "wasserstein_generator"]
