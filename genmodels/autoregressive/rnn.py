"""Recurrent networks that read sequences (Elman 1990), of LSTM cells (Hochreiter and Schmidhuber 1997) or GRU cells (Cho et al.
2014, arXiv 1406.1078), one layer above the other where there are several.

    s_t = cell(s_t-1, embed(x_t))                                      s_0 is learned; h is the top layer's part of s

    one direction      p(x) = prod_t p(x_t | x_<t),   p(x_t | x_<t) = softmax(W h_t-1 + b)
    both directions    p(x_t | all the others) = softmax(W [left h_t-1, right h_t+1] + b)       (Schuster and Paliwal 1997)

A step is one of so many tokens, or a frame of bits, for which the softmax is a sigmoid. From both sides a step is told by what
stands before and what stands after it, never by itself: that fills gaps, but it is no density, and draws nothing step by step.

A text too long to be learned from as a whole is learned from in windows (Werbos 1990): each takes up the state in which the one
before it ended, and no gradient goes back beyond its start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from genmodels.autoregressive.steps import STEPS, Frames, Tokens
from genmodels.model import LogProb, Model
from genmodels.sampling import counter_noise
from genmodels.training import Optimizer, Update

Cell = Literal["lstm", "gru"]
Likelihood = Literal["categorical", "bernoulli"]

CELLS: dict[str, tuple[type[nn.LSTM] | type[nn.GRU], int]] = {
    "lstm": (nn.LSTM, 2),
    "gru": (nn.GRU, 1),
}  # and how many vectors a state has

AT_ONCE = 1000  # steps whose logits are held at a time where no gradient is asked for


class Reader(nn.Module):
    """Cells that read in one direction. A state is (S, layers, B, hidden): h, and with an LSTM's cells c.

    Arguments:
        embed: the numbers of an embedded step.
        hidden: H, the units of a layer.
        layers: of which each reads the one below.
        cell: "lstm" or "gru".
        dropout: between layers.
    """

    def __init__(self, embed: int, hidden: int, layers: int, cell: Cell, dropout: float) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell is 'lstm' or 'gru', not {cell!r}")
        kind, vectors = CELLS[cell]
        self.cells = kind(embed, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)
        self._open()
        self.start = nn.Parameter(torch.zeros(vectors, layers, 1, hidden))

    @torch.no_grad()
    def _open(self) -> None:
        """Begin with gates' matrices that keep lengths, and forget gates that are open: of plain small numbers, what a layer
        says to the one above is so little that two of them learned nothing for a thousand steps.
        """
        for name, parameter in self.cells.named_parameters():
            gates = parameter.split(self.cells.hidden_size)
            if parameter.ndim == 2:
                for gate in gates:
                    nn.init.orthogonal_(gate)
            elif name.startswith("bias_ih") and isinstance(self.cells, nn.LSTM):
                gates[1].fill_(1.0)

    def initial(self, batch: int) -> Tensor:
        """The state of B sequences of which nothing has been read."""
        return self.start.expand(-1, -1, batch, -1)

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """What is known before each step of (B, T, E), as (B, T, H), and the state after the last."""
        if x.shape[1] == 0:
            return x.new_empty(*x.shape[:2], self.start.shape[-1]), state
        given = state.contiguous().unbind()
        h, last = self.cells(x, given if len(given) > 1 else given[0])
        after = torch.stack(last) if len(given) > 1 else last[None]
        return torch.cat([known(state)[:, None], h[:, :-1].float()], 1), after.float()


def known(state: Tensor) -> Tensor:
    """What a state says of the next step, the top layer's h: (B, H)."""
    return state[0, -1]


class RNN(Model):
    """A density over sequences, read from left to right.

    Text, learned from in windows of a few streams through it, then `sample`d or decoded (`genmodels.sampling.decoding`):

    >>> from genmodels.data import Padded, Streams, Vocabulary
    >>> from genmodels.training import fit
    >>> text = "so it goes, and so it went. " * 20
    >>> vocabulary = Vocabulary.of(text)
    >>> rnn = RNN(size=len(vocabulary), hidden=16, streams=4)
    >>> trained = fit(rnn, rnn.updates(), Streams(vocabulary.encode(text), streams=4, window=10), steps=2, quiet=True)
    >>> len(vocabulary.decode(rnn.sample(1, length=50, temperature=0.8)[0]))
    50

    Sequences that stand alone, such as pieces of music or words of one speech, are a data set:

    >>> pieces = Padded([torch.arange(9), torch.arange(5)])
    >>> trained = RNN(size=9, cell="gru", hidden=16, layers=2).fit(pieces, steps=2, batch_size=2)

    Sequences are (B, T) int64 of tokens, or (B, T, size) floats of bits. Where their lengths differ they are padded at the end,
    with any steps, and come with their lengths, (x, lengths (B,)): what is padding counts for nothing.

    Arguments:
        size: the tokens that there are, or the bits of a frame.
        hidden: units of a layer.
        layers: of cells, each reading the one below.
        embed: the numbers that stand for a step where it is read.
        cell: "lstm" or "gru".
        dropout: of embedded steps, between layers, and of what a step is told by.
        likelihood: of a step. "categorical" for tokens, "bernoulli" for frames of bits that are independent given the past.
        length: of a sample, unless it is told otherwise.
        streams: of how many streams a batch of training holds windows, each going on where the last batch ended (`Streams`);
            their states are saved with the model. With 0 a batch holds sequences that stand alone.
    """

    carried: Tensor | None

    def __init__(
        self,
        size: int = 65,
        hidden: int = 256,
        layers: int = 1,
        embed: int = 64,
        cell: Cell = "lstm",
        dropout: float = 0.0,
        likelihood: Likelihood = "categorical",
        length: int = 100,
        streams: int = 0,
    ) -> None:
        super().__init__()
        self.steps = _steps(likelihood)(size, embed, hidden)
        self.reader = Reader(embed, hidden, layers, cell, dropout)
        self.drop = nn.Dropout(dropout)
        self.length, self.streams = length, streams
        self.register_buffer("carried", self.reader.initial(streams).detach().clone() if streams else None)

    # ---- step by step

    def begin(self, prompt: Tensor) -> tuple[Tensor, Tensor]:
        """The logits (B, size) of what follows upon prompts (B, T) or (B, T, size), and the state after them; T may be 0."""
        prompt = self.steps.checked(prompt)
        _, state = self.reader(self.steps.embed(prompt), self.reader.initial(len(prompt)))
        return self.steps.logits(known(state)), state

    def advance(self, step: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """The logits of what follows upon one step more, (B,) or (B, size), and the state after it."""
        _, state = self.reader(self.steps.embed(step[:, None]), state)
        return self.steps.logits(known(state)), state

    def pick(self, state: Tensor, rows: Tensor) -> Tensor:
        """The state of the sequences at `rows`."""
        return state[:, :, rows]

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
        """n sequences of `length` steps, which follow upon a prompt where one is given: (1, T, ...) for all, or (n, T, ...)."""
        if cond is not None:
            raise ValueError("this RNN is not conditional: leave cond out; what its samples follow upon is the prompt")
        if not temperature > 0.0:
            raise ValueError(f"temperature is above 0, not {temperature}; a small one, such as 1e-6, is as good as certain")
        prompt = self.steps.empty(n) if prompt is None else prompt
        if len(prompt) not in (1, n):
            raise ValueError(f"prompt is one for all or {n}, not {len(prompt)}")
        seed = torch.randint(2**62, (), generator=generator, device=generator.device if generator else "cpu").item()
        rows = torch.arange(n, device=self.device)
        logits, state = self.begin(prompt.expand(n, *prompt.shape[1:]))
        drawn: list[Tensor] = []
        for step in range(self.length if length is None else length):
            noise = counter_noise.uniform(int(seed), rows, step, self.steps.noise_size)
            drawn.append(self.steps.draw(logits, temperature, noise))
            logits, state = self.advance(drawn[-1], state)
        return torch.stack(drawn, 1)

    @torch.no_grad()
    def infill(self, x: Tensor | tuple[Tensor, Tensor], hidden: Tensor) -> Tensor:
        """Sequences, x or (x, lengths), with each step that is `hidden` (B, T) the most probable one after those before it."""
        (x, _), told = _sequences(self.steps.checked, x), []
        logits, state = self.begin(x[:, :0])
        for step, unseen in zip(x.unbind(1), _hidden(x, hidden).unbind(1), strict=True):
            told.append(torch.where(_like(unseen, step), self.steps.best(logits), step))
            logits, state = self.advance(told[-1], state)
        return torch.stack(told, 1)

    # ---- whole sequences

    def scan(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The logits of each step, given those before it: (B, T, size), and the state after the last."""
        before, after = self.reader(self.drop(self.steps.embed(x)), self.reader.initial(len(x)) if state is None else state)
        return self.steps.logits(self.drop(before)), after

    @torch.no_grad()
    def step_nats(self, x: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """log p(x_t | x_<t) of each step, (B, T), and 0 where there is padding; of x or (x, lengths), however long."""
        x, real = _sequences(self.steps.checked, x)
        nats, state = [], self.reader.initial(len(x))
        for part in x.split(AT_ONCE, dim=1):
            logits, state = self.scan(part, state)
            nats.append(self.steps.nats(logits, part))
        return torch.cat(nats, 1).where(real, 0.0)

    @torch.no_grad()
    def log_prob(
        self, x: Tensor | tuple[Tensor, Tensor], *, samples: int = 1, generator: torch.Generator | None = None
    ) -> LogProb:
        """log p of each sequence of x or (x, lengths), summed over its steps, which is exact."""
        return LogProb(self.step_nats(x).double().sum(1).float(), "exact")

    # ---- training

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of a step in nats, mean over all real steps.

        A batch is sequences, x or (x, lengths); with streams it is (window, fresh): the next steps (streams, T) of each stream,
        and which of them begin anew (streams,).
        """
        if self.carried is None:
            x, real = _sequences(self.steps.checked, batch)
            logits, _ = self.scan(x)
        else:
            x, state = self._continued(batch, self.carried)
            real = torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)
            logits, state = self.scan(x, state)
            if self.training:  # a look at held-out windows leaves the streams where they are
                self.carried.copy_(state.detach())
        return _mean_loss(self.steps.nats(logits, x), real), {}

    def _continued(self, batch: Tensor | tuple[Tensor, Tensor], carried: Tensor) -> tuple[Tensor, Tensor]:
        """The windows of a batch, and the states in which they begin."""
        if isinstance(batch, Tensor) or len(batch[0]) != self.streams:
            shape = tuple(batch.shape if isinstance(batch, Tensor) else batch[0].shape)
            raise ValueError(
                f"with streams={self.streams} a batch is (window, fresh) of as many streams, see Streams; not {shape}"
            )
        window, fresh = batch
        return self.steps.checked(window), torch.where(fresh[:, None], self.reader.initial(self.streams), carried)

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters. Windows of streams are all of one length."""
        weight = None if self.streams else partial(_told, self.steps.checked)
        return [Update("rnn", self.loss, self.parameters(), _optimizer(), clip=1.0, weight=weight)]


class BidirectionalRNN(Model):
    """Each step, given what stands before it and what stands after it: it fills gaps.

    Two stacks of cells read the sequence, one from each end; where they meet neither has seen the step. (One stack whose layers
    read both directions below them would have.)

    >>> rnn, text = BidirectionalRNN(size=9, hidden=16), torch.arange(9)[None]
    >>> trained = rnn.fit(text.expand(8, -1), steps=2, batch_size=4)
    >>> rnn.infill(text, hidden=text == 4).shape
    torch.Size([1, 9])

    Arguments:
        size, hidden, layers, embed, cell, dropout, likelihood: as of `RNN`; `hidden` units in each direction.
        hide: the share of steps that are hidden from their neighbours in training, so that gaps of many steps are known too.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "each step is told by both its sides, so none can be drawn first: use infill, or an RNN",
        "log_prob": "what each step has given all the others does not multiply to a density: use step_nats, or an RNN",
    }

    def __init__(
        self,
        size: int = 65,
        hidden: int = 256,
        layers: int = 1,
        embed: int = 64,
        cell: Cell = "lstm",
        dropout: float = 0.0,
        likelihood: Likelihood = "categorical",
        hide: float = 0.1,
    ) -> None:
        super().__init__()
        if not 0.0 <= hide < 1.0:
            raise ValueError(f"hide is a share in [0, 1), not {hide}")
        self.steps = _steps(likelihood)(size, embed, 2 * hidden)
        self.left = Reader(embed, hidden, layers, cell, dropout)
        self.right = Reader(embed, hidden, layers, cell, dropout)
        self.blank = nn.Parameter(torch.zeros(embed))
        self.drop = nn.Dropout(dropout)
        self.hide = hide

    def scan(self, x: Tensor, real: Tensor, hidden: Tensor) -> Tensor:
        """The logits of each step (B, T, size), given all others of its sequence that are not hidden (B, T)."""
        seen = self.drop(torch.where(hidden[..., None], self.blank, self.steps.embed(x)))
        turned = _turned(real)[..., None]
        before, _ = self.left(seen, self.left.initial(len(x)))
        after, _ = self.right(seen.take_along_dim(turned, 1), self.right.initial(len(x)))
        return self.steps.logits(self.drop(torch.cat([before, after.take_along_dim(turned, 1)], -1)))

    @torch.no_grad()
    def step_nats(self, x: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """log p(x_t | all the others) of each step, (B, T), and 0 where there is padding; of x or (x, lengths)."""
        x, real = _sequences(self.steps.checked, x)
        return self.steps.nats(self.scan(x, real, torch.zeros_like(real)), x).where(real, 0.0)

    @torch.no_grad()
    def infill(self, x: Tensor | tuple[Tensor, Tensor], hidden: Tensor) -> Tensor:
        """Sequences, x or (x, lengths), with each step that is `hidden` (B, T) the most probable one given all that are not."""
        x, real = _sequences(self.steps.checked, x)
        hidden = _hidden(x, hidden)
        return torch.where(_like(hidden, x), self.steps.best(self.scan(x, real, hidden)), x)

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus log p(x_t | all the others) in nats, mean over all real steps of x or (x, lengths)."""
        x, real = _sequences(self.steps.checked, batch)
        hidden = torch.rand(real.shape, device=x.device) < self.hide
        return _mean_loss(self.steps.nats(self.scan(x, real, hidden), x), real), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        weight = partial(_told, self.steps.checked)
        return [Update("rnn", self.loss, self.parameters(), _optimizer(), clip=1.0, weight=weight)]


def _optimizer() -> Optimizer:
    return Optimizer(lr=2e-3, warmup=100, decay="cosine")


def _steps(likelihood: Likelihood) -> type[Tokens] | type[Frames]:
    if likelihood not in STEPS:
        raise ValueError(f"likelihood is 'categorical' or 'bernoulli', not {likelihood!r}")
    return STEPS[likelihood]


def _sequences(check: Callable[[Tensor], Tensor], batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The sequences of x or (x, lengths), and which of their steps are real: (B, T)."""
    x, lengths = (batch, None) if isinstance(batch, Tensor) else batch
    x = check(x)
    n, longest = x.shape[:2]
    if lengths is None:
        return x, torch.ones(n, longest, dtype=torch.bool, device=x.device)
    if lengths.shape != (n,) or not 1 <= lengths.min() <= lengths.max() <= longest:
        raise ValueError(f"lengths is ({n},) of numbers from 1 to {longest}, not {lengths.tolist()}")
    return x, torch.arange(longest, device=x.device) < lengths.to(x.device)[:, None]


def _told(check: Callable[[Tensor], Tensor], batch: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """How many steps of a batch are real."""
    return _sequences(check, batch)[1].sum()


def _mean_loss(nats: Tensor, real: Tensor) -> Tensor:
    return -nats.where(real, 0.0).sum() / real.sum()


def _turned(real: Tensor) -> Tensor:
    """At each step the place it has when its sequence is read from its end; padding stays where it is: (B, T).

    >>> _turned(torch.tensor([[True, True, True, False]]))
    tensor([[2, 1, 0, 3]])
    """
    place = torch.arange(real.shape[1], device=real.device)
    return torch.where(real, real.sum(1, keepdim=True) - 1 - place, place)


def _hidden(x: Tensor, hidden: Tensor) -> Tensor:
    if hidden.shape != x.shape[:2] or hidden.dtype != torch.bool:
        raise ValueError(f"hidden is {tuple(x.shape[:2])} of bool, not {tuple(hidden.shape)} of {hidden.dtype}")
    return hidden.to(x.device)


def _like(which: Tensor, x: Tensor) -> Tensor:
    """Which steps, with as many axes as x."""
    return which.view(*which.shape, *[1] * (x.ndim - which.ndim))
