"""Models of what an action leads to: sequence models of latents, conditioned on actions.

| file | what |
|---|---|
| `training_windows.py` | stretches of episodes to learn from |
| `prediction.py` | what a model says of the next moment |
| `mdn_rnn.py` | an LSTM that ends in mixtures of Gaussians |
| `quick_steps.py` | its step, for dreams: the same, in less time |
| `fused_steps.py`, `step_kernels.py` | the same in bf16 where Numba is installed, in less again |
"""

from genmodels.dynamics.mdn_rnn import MDNRNN, State
from genmodels.dynamics.prediction import Outcome, Prediction
from genmodels.dynamics.quick_steps import QuickSteps, steps_of
from genmodels.dynamics.training_windows import Window, Windows
from genmodels.model import DynamicsModel

__all__ = ["MDNRNN", "DynamicsModel", "Outcome", "Prediction", "QuickSteps", "State", "Window", "Windows", "steps_of"]
