"""Ways of drawing from models and of moving between their samples.

| file | what |
|---|---|
| `noise.py` | noise that is a function of seed, row, step and column |
| `paths.py` | straight lines and arcs between latents |
"""

from genmodels.sampling.paths import lerp, slerp

__all__ = ["lerp", "slerp"]
