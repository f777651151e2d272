"""Naive Bayes: features that are independent of one another, or independent given a class. Its parameters are counts.

    p(x, y) = p(y) prod_d p(x_d | y)         p(x_d = v | y) = (count of v at d in class y + a) / (count of class y + a V_d)
    p(x)    = sum_y p(x, y)

The a that is added to each count (Laplace 1814) keeps what was never seen from being impossible. With one class the features
are plainly independent. It serves where that is nearly so, as for the parts of an outfit. It fails for pixels: a neighbour
tells nearly all of a pixel and is not asked, so that samples have the right grey at each place and are noise. With a class for
each digit they are noise in the shape of that digit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from genmodels.batches import checked, to_device
from genmodels.classic.closed_form import ClosedForm
from genmodels.model import LogProb
from genmodels.random_streams import uniform


class NaiveBayes(ClosedForm):
    """Categorical features, independent given the class.

    >>> outfits = torch.tensor([[0, 2], [0, 1], [1, 2]])
    >>> model = NaiveBayes(shape=(2,), levels=(2, 3))
    >>> _ = model.fit(outfits)
    >>> model.log_prob(torch.tensor([[0, 2]])).nats.exp()  # (2 + 1) / (3 + 2) * (2 + 1) / (3 + 3)
    tensor([0.3000], dtype=torch.float64)

    Arguments:
        shape: of an example: (features,) of whole numbers from 0, or (channels, height, width) of images in [0, 1], whose
            level is floor(V x): with two levels bits, with 256 bytes.
        levels: V, how many values a feature can have; one number for all, or one for each feature.
        classes: with more than one, the data are pairs (examples, labels); the label is summed out of p(x).
        smoothing: a, what is added to each count.
    """

    levels: Tensor

    def __init__(
        self, shape: Sequence[int] = (1, 28, 28), levels: int | Sequence[int] = 2, classes: int = 1, smoothing: float = 1.0
    ) -> None:
        super().__init__()
        self.shape, self.classes, self.smoothing = tuple(shape), classes, smoothing
        features = torch.Size(shape).numel()
        each = [levels] * features if isinstance(levels, int) else list(levels)
        if len(each) != features or min(each) < 1 or (len(shape) > 1 and len(set(each)) > 1):
            raise ValueError(f"levels: one number for all of shape {self.shape}, or one for each of (features,), not {levels}")
        if classes < 1 or smoothing < 0.0:
            raise ValueError(f"classes are at least 1 and smoothing at least 0, not {classes} and {smoothing}")
        self.register_buffer("levels", torch.tensor(each), persistent=False)
        counts = torch.zeros(classes, features, max(each), dtype=torch.float64)
        self.counts = nn.Parameter(counts, requires_grad=False)  # (K, D, V)

    def forget(self) -> None:
        self.counts.zero_()

    def observe(self, batch: Tensor | tuple[Tensor, Tensor]) -> None:
        """Count examples in, with their labels where there is more than one class."""
        x, y = batch if isinstance(batch, (tuple, list)) else (batch, None)
        values = self._values(x)
        y = self._labels(y, len(x)) if self.classes > 1 else torch.zeros(len(x), dtype=torch.long, device=self.device)
        _, features, most = self.counts.shape
        cells = (y[:, None] * features + torch.arange(features, device=self.device)) * most + values
        self.counts.add_(torch.bincount(cells.flatten(), minlength=self.counts.numel()).view_as(self.counts))

    @property
    def has_seen_data(self) -> bool:
        return bool(self.counts.any())

    # ---- densities

    @torch.no_grad()
    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x, y) for each class y: (B, *shape) -> (B, K)."""
        log_prior, log_table = self._tables()
        cells = self._values(x) + log_table.shape[2] * torch.arange(log_table.shape[1], device=self.device)
        return log_prior + torch.stack([table.flatten()[cells].sum(1) for table in log_table], dim=1)

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p(x), the class summed out; exact, in float64."""
        return LogProb(torch.logsumexp(self.log_joint(x), dim=1), "exact")

    def classify(self, x: Tensor) -> Tensor:
        """p(y | x) by Bayes' rule: (B, *shape) -> (B, K)."""
        return self.log_joint(x).softmax(dim=1)

    def _tables(self) -> tuple[Tensor, Tensor]:
        """log p(y), (K,), and log p(x_d = v | y), (K, D, V); -inf for values that a feature cannot have."""
        self._check_seen()
        possible = torch.arange(self.counts.shape[2], device=self.device) < self.levels[:, None]
        smoothed = self.counts + self.smoothing * possible
        sizes = self.counts[:, 0].sum(1) + self.smoothing
        table = (smoothed / smoothed.sum(2, keepdim=True)).nan_to_num(0.0)  # a class without examples, unsmoothed
        return (sizes / sizes.sum()).log(), table.log()

    # ---- samples

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples, (n, *shape), floats; `cond` (n,) are the classes they are to be of. Both draws have the temperature."""
        if cond is not None and self.classes == 1:
            raise ValueError("this naive Bayes has one class and is not conditional: leave cond out")
        log_prior, log_table = (logits / temperature for logits in self._tables())
        y = _draw(log_prior, uniform((n,), self.device, generator, torch.float64))
        if cond is not None:
            y = self._labels(cond, n)
        shares = uniform((n, log_table.shape[1]), self.device, generator, torch.float64)
        values = torch.empty(shares.shape, dtype=torch.long, device=self.device)
        for label in y.unique().tolist():
            values[y == label] = _draw(log_table[label], shares[y == label].T.contiguous()).T
        x = values.view(n, *self.shape).float()
        return x / max(self.counts.shape[2] - 1, 1) if len(self.shape) > 1 else x

    # ---- what comes in

    def _values(self, x: Tensor) -> Tensor:
        """The values of the features as whole numbers, (B, D)."""
        x = to_device(checked(x, self.shape, "naive Bayes"), self.device).flatten(1)
        most = self.counts.shape[2]
        if len(self.shape) > 1:
            if not bool(((x >= 0) & (x <= 1)).all()):
                raise ValueError("pixels are bytes, or floats in [0, 1]")
            return (x * most).long().clamp_max(most - 1)
        values = x.long()
        if not bool(((values == x) & (values >= 0) & (values < self.levels)).all()):
            raise ValueError("each feature is a whole number from 0, and below its number of levels")
        return values

    def _labels(self, y: Any, n: int) -> Tensor:
        if not isinstance(y, Tensor) or y.shape != (n,):
            raise ValueError(f"{self.classes} classes need a label for each example: give pairs (examples, labels)")
        y = y.to(self.device)
        if y.is_floating_point() or not bool(((y >= 0) & (y < self.classes)).all()):
            raise ValueError(f"labels are whole numbers from 0 to {self.classes - 1}")
        return y.long()


def _draw(logits: Tensor, shares: Tensor) -> Tensor:
    """The values at which the summed probability passes the shares: logits (..., V), shares (..., n) in [0, 1) -> (..., n)."""
    summed = logits.softmax(-1).cumsum(-1)
    return torch.searchsorted(summed / summed[..., -1:], shares, right=True)
