"""What a sequence is made of: tokens, of which each step is one, or frames, each a row of bits.

Both can be read (`embed`), foretold (`logits` of what is known before), judged (`nats`) and chosen (`best`, `draw`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.batches import checked
from genmodels.distributions import Bernoulli, Categorical


class Tokens(nn.Module):
    """Each step is one of `size` tokens, softmax(W features + b): sequences are (B, T) int64.

    Arguments:
        size: V, the tokens that there are.
        embed: E, what stands for a token where it is read.
        features: H, what is known before a step.
    """

    noise_size = 1

    def __init__(self, size: int, embed: int, features: int) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(size, embed)
        self.head = nn.Linear(features, size)

    def checked(self, x: Tensor) -> Tensor:
        """The sequences x, if that is what they are, where the model is."""
        if x.ndim != 2 or x.dtype != torch.int64:
            raise ValueError(f"sequences of tokens are (B, T) of int64, not {tuple(x.shape)} of {x.dtype}")
        if x.numel() and not 0 <= x.min() <= x.max() < self.size:
            raise ValueError(f"tokens are numbers from 0 to {self.size - 1}, these go from {x.min()} to {x.max()}")
        return x.to(self.head.weight.device)

    def empty(self, n: int) -> Tensor:
        """n sequences without a step."""
        return torch.empty(n, 0, dtype=torch.int64, device=self.head.weight.device)

    def embed(self, x: Tensor) -> Tensor:
        """(B, T) to (B, T, E)."""
        return self.embedding(x)

    def logits(self, features: Tensor) -> Tensor:
        """(..., H) to (..., V), in float32 whatever the precision."""
        return self.head(features).float()

    def nats(self, logits: Tensor, x: Tensor) -> Tensor:
        """log p of each step: (B, T)."""
        return Categorical(logits).nats_per_dim(x)

    def best(self, logits: Tensor) -> Tensor:
        """The most probable step."""
        return logits.argmax(-1)

    def draw(self, logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
        """A step for each row of logits (B, V), by noise (B, 1) uniform in (0, 1)."""
        return Categorical(logits).tempered(temperature).draw(uniform[:, 0])


class Frames(nn.Module):
    """Each step is `size` bits, independent given what is known, sigmoid(W features + b): sequences are (B, T, size) floats.

    Arguments:
        size: K, the bits of a frame.
        embed: E, what stands for a frame where it is read.
        features: H, what is known before a step.
    """

    def __init__(self, size: int, embed: int, features: int) -> None:
        super().__init__()
        self.size = self.noise_size = size
        self.embedding = nn.Linear(size, embed)
        nn.init.normal_(self.embedding.weight, std=0.5)  # few bits are 1: their sum is to be as large as a token
        self.head = nn.Linear(features, size)

    def checked(self, x: Tensor) -> Tensor:
        """The sequences x, if that is what they are, where the model is."""
        if x.ndim != 3 or not x.is_floating_point():
            raise ValueError(f"sequences of frames are (B, T, {self.size}) of floats, not {tuple(x.shape)} of {x.dtype}")
        return checked(x, (x.shape[1], self.size), "model of frames").to(self.head.weight.device)

    def empty(self, n: int) -> Tensor:
        """n sequences without a step."""
        return torch.empty(n, 0, self.size, device=self.head.weight.device)

    def embed(self, x: Tensor) -> Tensor:
        """(B, T, K) to (B, T, E)."""
        return self.embedding(x)

    def logits(self, features: Tensor) -> Tensor:
        """(..., H) to (..., K), in float32 whatever the precision."""
        return self.head(features).float()

    def nats(self, logits: Tensor, x: Tensor) -> Tensor:
        """log p of each step, summed over its bits: (B, T)."""
        return Bernoulli(logits.flatten(0, 1)).log_prob(x.flatten(0, 1)).view(x.shape[:2])

    def best(self, logits: Tensor) -> Tensor:
        """The most probable step."""
        return (logits > 0.0).float()

    def draw(self, logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
        """A step for each row of logits (B, K), by noise (B, K) uniform in (0, 1)."""
        return (uniform < Bernoulli(logits).tempered(temperature).mean).float()


STEPS: dict[str, type[Tokens] | type[Frames]] = {"categorical": Tokens, "bernoulli": Frames}
