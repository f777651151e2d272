"""Finding one's own among many: what paired embeddings are worth (Radford et al. 2021, arXiv:2103.00020).

    R@k = share of i with cos(q_i, v_i) among the k largest of cos(q_i, v_j), j over i's block of candidates

A finding by chance is k / candidates, so their number is named with the figure: "R@1 of 100". Candidates that are equally near
are in random order, and R@k is the expectation over it: embeddings that have all collapsed into one point are worth chance.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

EQUAL = 1e-6  # cosines closer than this differ by rounding: the same text in another place of a batch


def recall_at(queries: Tensor, items: Tensor, k: int = 1, among: int = 100) -> float:
    """R@k of queries (N, d), each of which belongs to the item (N, d) of its number; swap them for the other direction.

    Each query chooses `among` the items of its block of as many consecutive pairs. What does not fill a block at the end is
    left out, for among fewer it would be easier; so shuffle pairs that lie in an order.

    >>> pictures, texts = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[3.0, 1.0], [0.0, 3.0]])
    >>> recall_at(pictures, texts, among=2), recall_at(texts, pictures, among=2)
    (0.5, 1.0)
    """
    if queries.ndim != 2 or queries.shape != items.shape:
        raise ValueError(f"each query (N, d) has its item (N, d); these are {tuple(queries.shape)} and {tuple(items.shape)}")
    if not 1 <= k <= among <= len(queries):
        raise ValueError(f"the {k} nearest of {among} candidates cannot be told with {len(queries)} pairs: k <= among <= N")
    if not (queries.isfinite().all() and items.isfinite().all()):
        raise ValueError("the embeddings hold numbers that are not finite")
    shares = []
    for block in torch.arange(len(queries) // among * among, device=queries.device).split(among):
        cosines = F.normalize(queries[block].double(), dim=1) @ F.normalize(items[block].double(), dim=1).T
        lead = cosines - cosines.diagonal()[:, None]  # of each candidate over one's own
        nearer, equal = (lead > EQUAL).sum(1), (lead.abs() <= EQUAL).sum(1)
        shares.append(((k - nearer) / equal).clamp(0, 1))  # that one's own is among the first k, in random order of the equal
    return torch.cat(shares).mean().item()
