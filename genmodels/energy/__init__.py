"""Models that say how unlikely an example is, or which way is likelier, and leave it to sampling to find the likely ones.

| file | what |
|---|---|
| `ebm.py` | energies by deep networks, trained against chains that are kept |
| `rbm.py` | restricted Boltzmann machines, by contrastive divergence from the data or from chains that are kept |
| `dbn.py` | Boltzmann machines, one above the other |
| `ncsn.py` | the slope of log p at many levels of noise |
| `score_matching.py` | how a slope is learned: denoising and sliced score matching |
| `score_networks.py` | networks that see how noisy what they see is |
"""

from genmodels.energy.dbn import DBN
from genmodels.energy.ebm import EnergyModel
from genmodels.energy.ncsn import NCSN
from genmodels.energy.rbm import RBM
from genmodels.energy.score_matching import denoising, sliced, sliced_trace

__all__ = ["DBN", "NCSN", "RBM", "EnergyModel", "denoising", "sliced", "sliced_trace"]
