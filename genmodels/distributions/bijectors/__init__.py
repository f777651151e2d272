"""Bijectors: invertible maps that know how they stretch volume.

    y = f(x)        log p(x) = log p(y) + log |det dy/dx|

| file | what |
|---|---|
| `bijector.py` | what every bijector can do; one after the other, and the other way round |
| `linear.py` | affine maps: fixed, actnorm, LU 1x1 convolution |
| `logit.py` | the unit interval as the line |
| `arrangement.py` | moved and not changed: permutation, squeeze, flatten; split |
| `coupling.py` | one half of the channels, changed as the other half says |
| `elementwise.py` | how numbers are changed one by one: affine, and by rational-quadratic splines |

>>> flow = Compose([ActNorm(4), Permutation.reverse(4)])
>>> import torch
>>> y, log_det = flow(torch.randn(8, 4))
>>> x, back = flow.inverse(y)
>>> torch.equal(log_det, -back)
True
"""

from genmodels.distributions.bijectors.arrangement import Flatten, Permutation, Split, Squeeze
from genmodels.distributions.bijectors.bijector import Bijector, Compose, Invert
from genmodels.distributions.bijectors.coupling import Coupling
from genmodels.distributions.bijectors.elementwise import AffineElements, Elements, SplineElements
from genmodels.distributions.bijectors.linear import ActNorm, Affine, LUConvolution
from genmodels.distributions.bijectors.logit import Logit

__all__ = [
    "ActNorm",
    "Affine",
    "AffineElements",
    "Bijector",
    "Compose",
    "Coupling",
    "Elements",
    "Flatten",
    "Invert",
    "LUConvolution",
    "Logit",
    "Permutation",
    "SplineElements",
    "Split",
    "Squeeze",
]
