"""Ways of drawing from models and of moving between their samples.

| file | what |
|---|---|
| `counter_noise.py` | noise that is a function of seed, row, step and column |
| `decoding.py` | texts from any model that foretells the next token: greedy, drawn, and by beam search |
| `langevin.py` | walks up the slope of a density with noise: plain, and annealed through levels of noise |
| `paths.py` | straight lines and arcs between latents |
| `latent_arithmetic.py` | attributes as directions, and morphs, for any model that autoencodes |
"""

from genmodels.sampling.decoding import beam_search, generate
from genmodels.sampling.langevin import annealed_langevin, langevin, score_of
from genmodels.sampling.latent_arithmetic import attribute_direction, codes, decoded, morph, point, with_attribute
from genmodels.sampling.paths import lerp, slerp

__all__ = [
    "annealed_langevin",
    "attribute_direction",
    "beam_search",
    "codes",
    "decoded",
    "generate",
    "langevin",
    "lerp",
    "morph",
    "point",
    "score_of",
    "slerp",
    "with_attribute",
]
