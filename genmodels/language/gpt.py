"""A transformer that writes: each token given all before it (Radford et al. 2018, 2019).

    x_0 is a place of its own from which the first token is told
    p(x) = prod_t p(x_t | x_<t),        p(x_t | x_<t) = softmax(E h_{t-1})

h are the places of a causal stack over the tokens' vectors, rows of E, which also reads the tokens off: the two are one matrix.
The stack knows so many places. Of a longer text each token is told by at least half as many before it: when the places are
full, the later half of them is read anew as if the text began there.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import checked_tokens
from genmodels.model import LogProb, Model
from genmodels.nn import Memory, Positions, Transformer
from genmodels.sampling import generate
from genmodels.training import Optimizer, Update


class Written(NamedTuple):
    """A text so far, as far as it is needed: the tokens within sight (B, T), and what the stack keeps of them."""

    tokens: Tensor
    memory: Memory


class GPT(Model):
    """A GPT of tokens.

    A few lines train one on a text of yours:

        from genmodels.data import TextWindows, Vocabulary
        from genmodels.language import GPT
        vocabulary = Vocabulary.of(text)
        gpt = GPT(tokens=len(vocabulary))
        gpt.fit(TextWindows(vocabulary.encode(text), gpt.length), minutes=10, folder="my/gpt")

    then `vocabulary.decode(gpt.sample(1, length=500, temperature=0.8)[0])`; see also `genmodels.sampling.generate`.

    Arguments:
        tokens: how many different ones there are.
        width: the numbers of a place.
        layers, heads: blocks, and heads of attention in each.
        length: the most tokens that are in sight.
        positions: "learned", "rotary", "sinusoidal" or "none".
        groups: heads of keys and values; None is as many as heads.
        dropout: of vectors, of what each part adds, and of attention's weights.
        lr: the learning rate at its height.
    """

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        groups: int | None = None,
        dropout: float = 0.0,
        lr: float = 2e-3,
    ) -> None:
        super().__init__()
        if tokens < 1 or length < 2:
            raise ValueError(f"tokens, length: at least one token and two places, not {tokens} and {length}")
        self.tokens, self.length, self.lr = tokens, length, lr
        self.vectors = nn.Embedding(tokens, width)
        nn.init.normal_(self.vectors.weight, std=0.02)
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.stack = Transformer(width, layers, heads, length + 1, positions, groups, causal=True, dropout=dropout)

    def embed(self, tokens: Tensor) -> Tensor:
        """The start, and the tokens' vectors: (B, 1 + T, width)."""
        return torch.cat([self.start.expand(len(tokens), 1, -1), self.vectors(tokens)], 1)

    # ---- step by step

    def begin(self, prompt: Tensor) -> tuple[Tensor, Written]:
        """The logits (B, tokens) of what follows upon prompts (B, T), and the state after them; T may be 0."""
        prompt = checked_tokens(prompt, self.tokens)[:, -self.length :]
        h, memory = self.stack(self.embed(prompt))
        return self._logits(h[:, -1]), Written(prompt, memory)

    def advance(self, token: Tensor, state: Written) -> tuple[Tensor, Written]:
        """The logits of what follows upon one token more (B,), and the state after it."""
        tokens = torch.cat([state.tokens, token[:, None]], 1)
        if tokens.shape[1] > self.length:
            return self.begin(tokens[:, -(self.length // 2) :])
        h, memory = self.stack(self.vectors(token[:, None]), memory=state.memory)
        return self._logits(h[:, -1]), Written(tokens, memory)

    def pick(self, state: Written, rows: Tensor) -> Written:
        """The state of the texts at `rows`."""
        return Written(state.tokens[rows], state.memory.pick(rows))

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        cond: Tensor | None = None,
        prompt: Tensor | None = None,
        length: int | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """n texts of `length` tokens, which follow upon a prompt where one is given: (1, T) for all, or (n, T)."""
        if cond is not None:
            raise ValueError("this GPT is not conditional: leave cond out; what its texts follow upon is the prompt")
        if not temperature > 0.0:
            raise ValueError(f"temperature is above 0, not {temperature}; a small one, such as 1e-6, is as good as certain")
        prompt = torch.empty(1, 0, dtype=torch.long) if prompt is None else prompt
        if len(prompt) not in (1, n):
            raise ValueError(f"prompt is one for all or {n}, not {len(prompt)}")
        seed = int(torch.randint(2**62, (), generator=generator, device=generator.device if generator else "cpu").item())
        prompt = prompt.to(self.device).expand(n, -1)
        return generate(self, prompt, self.length if length is None else length, temperature=temperature, seed=seed)

    # ---- whole texts

    def scan(self, x: Tensor) -> Tensor:
        """The logits of each token of x (B, T), given those before it: (B, T, tokens); T is at most `length`."""
        h, _ = self.stack(self.embed(checked_tokens(x, self.tokens)[:, :-1]))
        return self._logits(h)

    @torch.no_grad()
    def token_nats(self, x: Tensor) -> Tensor:
        """log p(x_t | those before it in sight) of each token of x (B, T), however long: (B, T).

        A text beyond the model's length is read in windows that overlap by half, so that each token sees at least half of them.
        """
        x, half = checked_tokens(x, self.tokens), self.length // 2
        nats = [self._nats(x[:, : self.length])]
        for start in range(half, x.shape[1] - (self.length - half), half):
            window = x[:, start : start + self.length]
            nats.append(self._nats(window)[:, self.length - half :])
        return torch.cat(nats, 1)

    @torch.no_grad()
    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p of each text of x (B, T), summed over its tokens, which is exact."""
        return LogProb(self.token_nats(x).double().sum(1).float(), "exact")

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of a token in nats, mean over those of x (B, T)."""
        return F.cross_entropy(self.scan(x).flatten(0, 1).float(), x.flatten()), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=100, decay="cosine")
        return [Update("gpt", self.loss, self.parameters(), optimizer, clip=1.0)]

    def _nats(self, x: Tensor) -> Tensor:
        return self.scan(x).float().log_softmax(-1).gather(-1, x[..., None])[..., 0]

    def _logits(self, h: Tensor) -> Tensor:
        return F.linear(h, self.vectors.weight)
