"""One contract over every model.

A model joins by an entry in `EXAMPLES`, and a walk over the package fails while one is missing. `genmodels.metrics` is left out
of the walk: its judges are classifiers, which generate nothing, and have their own tests. One can still be listed here.
"""

import ast
import copy
import importlib
import inspect
import math
import pkgutil
from abc import ABC
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

import genmodels
from genmodels import storage
from genmodels.autoencoders import VAE, PaperVAE, PlainAutoencoder
from genmodels.autoregressive import RNN, BidirectionalRNN, PixelCNN
from genmodels.classic import CNN, MLP, Box, ClosedForm, NaiveBayes, NoDataSeen
from genmodels.diffusion import Diffusion
from genmodels.distributions import Distribution
from genmodels.dynamics import MDNRNN, Window, Windows
from genmodels.energy import DBN, NCSN, RBM, EnergyModel
from genmodels.flows import FFJORD, Glow, MultiScaleRealNVP, RealNVP
from genmodels.gans import DCGAN, GAN, WGAN, WGANGP, ConditionalGAN
from genmodels.language import BERT, GPT, T5, Tagger
from genmodels.language.alignment import DPO, PPO, RewardModel
from genmodels.model import Autoencodes, Density, Interpolates, LogProb, Model, NotSupported, Samples, load
from genmodels.training import Hook, fit

NOT_WALKED = "genmodels.metrics"


@dataclass(frozen=True)
class Example:
    """A model small enough to be trained in milliseconds.

    Arguments:
        model, arguments: what is built.
        parameters: how many it has, counted by hand.
        data: n examples, always the same first ones; of a model that takes labels, pairs (examples, labels); of a dynamics
            model, n stretches of episodes.
        abilities: the protocols that it honours.
        kind: of its log-probabilities, where it is a `Density`.
        enlarged: arguments that make each example of the data four times as large.
        idle: parameters on which no loss depends.
        noisy: whether its losses draw noise.
        tempered: whether its samples are the more alike the colder they are drawn; those of several classes are not,
            nor what an untrained network makes of noise in many steps.
        sized: whether its examples are of one shape; texts are of any length.
    """

    name: str
    model: type[Model]
    arguments: dict[str, Any]
    parameters: int
    data: Callable[[int], Any]
    abilities: set[Any]
    kind: str = ""
    enlarged: dict[str, Any] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()
    noisy: bool = True
    tempered: bool = True
    sized: bool = True

    @property
    def formula(self) -> bool:
        """Whether it is estimated in one pass, without gradients."""
        return issubclass(self.model, ClosedForm)

    def build(self, seed: int = 0) -> Any:
        """A new model, initialised by a seed."""
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            return self.model(**self.arguments)

    def stirred(self) -> Any:
        """A model of which no parameter is zero: some blocks start as the identity, behind which no gradient passes.

        One with a formula has seen data.
        """
        model = self.build()
        if self.formula:
            train(model, self.data(25))
            return model
        with torch.no_grad():
            for parameter in model.parameters():
                parameter += 0.1 * torch.randn(parameter.shape, generator=seeded(1))
        return model


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(*shape: int) -> Callable[[int], Tensor]:
    """Examples in [0, 1]."""
    return lambda n: torch.stack([torch.rand(shape, generator=seeded(i)) for i in range(n)])


def labelled(examples: Callable[[int], Tensor], classes: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Examples with a label each."""
    return lambda n: (examples(n), torch.arange(n) % classes)


def outfits(n: int) -> Tensor:
    """Six features that have 2 to 7 values each; the lower ones are more frequent."""
    shares = torch.stack([torch.rand(6, generator=seeded(i)) for i in range(n)])
    return (shares.square() * torch.arange(2, 8)).long()


def pairs_of_outfits(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Texts two and two, the better first; each begins with two tokens of a prompt, and some are shorter."""
    return outfits(2 * n).view(n, 2, 6), torch.full((n, 2), 2), 4 + torch.arange(2 * n).view(n, 2) % 3


def stretches(n: int) -> Window:
    """Three steps of two latents and one action; the last step is padding in every other one."""
    rows = [torch.rand(22, generator=seeded(i)) for i in range(n)]
    mean, log_sd, act, rew = zip(*(row.split([8, 8, 3, 3]) for row in rows), strict=True)
    mask = torch.ones(n, 3)
    mask[1::2, 2] = 0.0
    end = torch.zeros(n, 3)
    end[1::2, 1] = 1.0
    of_z = [torch.stack(x).view(n, 4, 2) for x in (mean, log_sd)]
    return Window(of_z[0], of_z[1] - 3.0, torch.stack(act).view(n, 3, 1), torch.stack(rew), end, mask)


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def conv(inputs: int, outputs: int) -> int:
    return 9 * inputs * outputs + outputs


def told(before: int, after: int, numbers: int) -> int:
    """A block with two norms and two convolutions that is told so many numbers."""
    return 2 * before + conv(before, after) + 2 * after + conv(after, after) + linear(numbers, 2 * after)


def lstm(inputs: int, units: int) -> int:
    return 4 * units * (inputs + units + 2)


def gru(inputs: int, units: int) -> int:
    return 3 * units * (inputs + units + 2)


AUTOENCODER = {Samples, Density, Autoencodes, Interpolates}

EXAMPLES = [
    Example(
        "vae",
        VAE,
        {"shape": (1, 8, 8), "latent": 3, "width": 4},
        # encoder: 8 x 8 pixels to 4 channels of 4 x 4; decoder: the way back; log_sd
        conv(4, 4) + 2 * conv(4, 4) + linear(64, 6) + linear(3, 64) + 2 * conv(4, 4) + conv(4, 4) + 1,
        uniform(1, 8, 8),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (1, 16, 16)},
    ),
    Example(
        "vae of bits, in colour, halved twice",
        VAE,
        {"shape": (3, 16, 16), "latent": 2, "width": 4, "likelihood": "bernoulli", "beta": 2.0, "free_bits": 0.01},
        (conv(12, 4) + 2 * conv(4, 4) + conv(16, 8) + 2 * conv(8, 8) + linear(128, 4))
        + (linear(2, 128) + 2 * conv(8, 8) + conv(8, 16) + 2 * conv(4, 4) + conv(4, 12)),
        uniform(3, 16, 16),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (3, 32, 32)},
    ),
    Example(
        "vae with a heavy row and without blocks",
        VAE,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "blocks": 0, "sd": 1.0, "heavy_rows": (6, 8), "row_weight": 2.0},
        conv(4, 4) + linear(64, 6) + linear(3, 64) + conv(4, 4),
        uniform(1, 8, 8),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (1, 16, 16), "heavy_rows": (12, 16)},
    ),
    Example(
        "vae with the iwae bound",
        VAE,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "draws": 3},
        conv(4, 4) + 2 * conv(4, 4) + linear(64, 6) + linear(3, 64) + 2 * conv(4, 4) + conv(4, 4) + 1,
        uniform(1, 8, 8),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (1, 16, 16)},
    ),
    Example(
        "the paper's vae",
        PaperVAE,
        {"latent": 32},
        4_348_547,  # as the paper counts them
        uniform(3, 64, 64),
        AUTOENCODER - {Density},
    ),
    Example(
        "mdn-rnn",
        MDNRNN,
        {"latent": 2, "actions": 1, "hidden": 8, "mixtures": 3, "reward": True, "end": True, "residual": True},
        lstm(3, 8) + linear(8, 18) + 2 * (linear(10, 128) + linear(128, 1)),
        stretches,
        set(),
    ),
    Example(
        "mdn-rnn as for TakeCover",
        MDNRNN,
        {"latent": 2, "actions": 1, "hidden": 8, "mixtures": 3, "restart": True},
        lstm(4, 8) + linear(8, 18) + linear(8, 1),
        stretches,
        set(),
    ),
    Example(
        "wgan-gp of images",
        WGANGP,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "critic_steps": 2},
        (linear(3, 64) + 2 * conv(4, 4) + conv(4, 4)) + (conv(4, 4) + linear(64, 1)),
        uniform(1, 8, 8),
        {Samples},
        idle=frozenset({"critic.head.bias"}),  # a critic's scores matter up to a constant
    ),
    Example(
        "wgan-gp of vectors",
        WGANGP,
        {"shape": (2,), "latent": 3, "width": 8, "penalty": 0.1, "critic_steps": 3},
        # G(z) = A z + f(z); the critic sees two numbers, and the sines and cosines of 64 directions
        (3 * 2 + linear(3, 8) + 2 * linear(8, 8) + linear(8, 2)) + (linear(130, 8) + 2 * linear(8, 8) + linear(8, 1)),
        uniform(2),
        {Samples},
        idle=frozenset({"critic.1.6.bias"}),
    ),
    Example(
        "gan of vectors",
        GAN,
        {"shape": (2,), "latent": 3, "width": 8, "loss": "hinge", "constraint": "r1"},
        (3 * 2 + linear(3, 8) + 2 * linear(8, 8) + linear(8, 2)) + (linear(130, 8) + 2 * linear(8, 8) + linear(8, 1)),
        uniform(2),
        {Samples},
        idle=frozenset({"critic.1.6.bias"}),  # within the hinge's margins scores may shift freely
    ),
    Example(
        "gan of images",
        GAN,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "loss": "least_squares", "constraint": "spectral"},
        (linear(3, 64) + 2 * conv(4, 4) + conv(4, 4)) + (conv(4, 4) + linear(64, 1)),
        uniform(1, 8, 8),
        {Samples},
    ),
    Example(
        "dcgan",
        DCGAN,
        {"shape": (1, 16, 16), "latent": 3, "width": 4},
        (linear(3, 128) + 2 * 8 + conv(8, 16) + 2 * 4 + conv(4, 4)) + (conv(4, 4) + conv(16, 8) + 2 * 8 + linear(128, 1)),
        uniform(1, 16, 16),
        {Samples},
    ),
    Example(
        "wgan",
        WGAN,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "critic_steps": 2},
        (linear(3, 64) + 2 * conv(4, 4) + conv(4, 4)) + (conv(4, 4) + linear(64, 1)),
        uniform(1, 8, 8),
        {Samples},
        idle=frozenset({"critic.head.bias"}),
    ),
    Example(
        "conditional gan",
        ConditionalGAN,
        {"shape": (1, 8, 8), "classes": 3, "latent": 2, "width": 4},
        (linear(5, 64) + 2 * conv(4, 4) + conv(4, 4)) + (conv(4, 4) + linear(64, 4)),
        labelled(uniform(1, 8, 8), 3),
        {Samples},
        idle=frozenset({"critic.net.head.bias"}),  # real and fake are of the same classes
        tempered=False,
    ),
]

EXAMPLES += [
    Example(
        "autoencoder",
        PlainAutoencoder,
        {"shape": (1, 8, 8), "latent": 3, "width": 4, "blocks": 1},
        conv(4, 4) + 2 * conv(4, 4) + linear(64, 3) + linear(3, 64) + 2 * conv(4, 4) + conv(4, 4),
        uniform(1, 8, 8),
        {Autoencodes, Interpolates},
        noisy=False,
    ),
    Example("box", Box, {"shape": (2,)}, 2 * 2, uniform(2), {Samples, Density}, kind="exact", tempered=False),
    Example(
        "naive bayes of outfits",
        NaiveBayes,
        {"shape": (6,), "levels": (2, 3, 4, 5, 6, 7)},
        6 * 7,  # the table has room for the most values that any feature has
        outfits,
        {Samples, Density},
        kind="exact",
    ),
    Example(
        "naive bayes of images",
        NaiveBayes,
        {"shape": (1, 8, 8), "levels": 2},
        64 * 2,
        uniform(1, 8, 8),
        {Samples, Density},
        kind="exact",
        enlarged={"shape": (1, 16, 16)},
    ),
    Example(
        "naive bayes of images in classes",
        NaiveBayes,
        {"shape": (1, 8, 8), "levels": 2, "classes": 2, "smoothing": 0.5},
        2 * 64 * 2,
        labelled(uniform(1, 8, 8), 2),
        {Samples, Density},
        kind="exact",
    ),
    Example(
        "mlp",
        MLP,
        {"shape": (1, 4, 4), "classes": 3, "hidden": (8, 5)},
        linear(16, 8) + linear(8, 5) + linear(5, 3),
        labelled(uniform(1, 4, 4), 3),
        set(),
        noisy=False,
    ),
    Example(
        "cnn",
        CNN,
        {"shape": (2, 7, 6), "classes": 3, "channels": (4, 5), "hidden": 8},
        (9 * 2 * 4 + 2 * 4) + (9 * 4 * 5 + 2 * 5) + linear(5 * 4 * 3, 8) + linear(8, 3),
        labelled(uniform(2, 7, 6), 3),
        set(),
    ),
]

EXAMPLES += [
    Example(
        "diffusion",
        Diffusion,
        {"shape": (1, 8, 8), "width": 8, "levels": 1},
        # the time; into the network, down, the bottom with attention, up, out of it
        (linear(128, 32) + linear(32, 32))
        + (conv(1, 8) + told(8, 8, 32) + linear(32, 16))
        + (2 * told(16, 16, 32) + 2 * 16 + linear(16, 16) + linear(16, 32) + linear(16, 16))
        + (linear(16, 32) + told(16, 8, 32) + linear(16, 8) + 2 * 8 + conv(8, 1)),
        uniform(1, 8, 8),
        {Samples, Autoencodes, Interpolates},
        tempered=False,
    ),
    Example(
        "bert",
        BERT,
        {"tokens": 7, "width": 8, "layers": 1, "heads": 2, "length": 6},
        # the tokens and the blank; a block's norms, attention and layers; the last norm; a bias for each token
        8 * 8 + (2 * 16 + linear(8, 8) + linear(8, 16) + linear(8, 8) + linear(8, 32) + linear(32, 8)) + 16 + 7,
        outfits,
        set(),
        sized=False,
    ),
    Example(
        "gpt",
        GPT,
        {"tokens": 7, "width": 8, "layers": 2, "heads": 2, "length": 6, "positions": "learned"},
        # the tokens, the start, seven places; each block's norms, attention and layers; the last norm
        7 * 8 + 8 + 7 * 8 + 2 * (2 * 16 + linear(8, 8) + linear(8, 16) + linear(8, 8) + linear(8, 32) + linear(32, 8)) + 16,
        outfits,
        {Samples, Density},
        kind="exact",
        noisy=False,
        sized=False,
    ),
    Example(
        "t5",
        T5,
        {"tokens": 7, "width": 8, "layers": 1, "heads": 2},
        # the tokens, the start; a block that reads and one that writes, which has attention twice; the last norms
        7 * 8
        + 8
        + (2 * 16 + linear(8, 8) + linear(8, 16) + linear(8, 8) + linear(8, 32) + linear(32, 8))
        + (3 * 16 + 2 * (linear(8, 8) + linear(8, 16) + linear(8, 8)) + linear(8, 32) + linear(32, 8))
        + 2 * 16,
        lambda n: (outfits(n), outfits(n)[:, 1:4]),
        set(),
        noisy=False,
        sized=False,
    ),
    Example(
        "tagger",
        Tagger,
        {"tokens": 7, "kinds": 3, "width": 8, "layers": 1, "heads": 2},
        # the tokens; a block's norms, attention and layers; the last norm; the kinds
        7 * 8 + (2 * 16 + linear(8, 8) + linear(8, 16) + linear(8, 8) + linear(8, 32) + linear(32, 8)) + 16 + linear(8, 3),
        lambda n: (outfits(n), outfits(n) % 3),
        set(),
        noisy=False,
        sized=False,
    ),
    Example(
        "lstm of frames",
        RNN,
        {"size": 3, "hidden": 6, "embed": 4, "likelihood": "bernoulli", "length": 5},
        linear(3, 4) + (lstm(4, 6) + 2 * 6) + linear(6, 3),  # each direction learns its first state
        uniform(5, 3),
        {Samples, Density},
        kind="exact",
        noisy=False,
    ),
    Example(
        "gru of frames from both sides",
        BidirectionalRNN,
        {"size": 3, "hidden": 6, "embed": 4, "cell": "gru", "likelihood": "bernoulli", "hide": 0.3},
        linear(3, 4) + 2 * (gru(4, 6) + 6) + 4 + linear(12, 3),
        uniform(5, 3),
        set(),
    ),
]

EXAMPLES += [
    Example(
        "pixelcnn of bits",
        PixelCNN,
        {"shape": (1, 8, 8), "width": 6, "layers": 2, "kernel": 3},
        # the first layers and the place; in each layer: down, right, link, out; the head
        (21 * 6 + 6)
        + (3 * 6 + 6)
        + 6 * 6
        + 2 * (2 * (6 * 36 + 6) + 2 * (2 * 36 + 6) + 2 * 36 + linear(6, 6))
        + linear(6, 6)
        + linear(6, 2),
        uniform(1, 8, 8),
        {Samples, Density},
        kind="exact",
        enlarged={"shape": (1, 16, 16)},
        noisy=False,
    ),
    Example(
        "pixelcnn of colours in classes",
        PixelCNN,
        {"shape": (3, 5, 4), "levels": 4, "width": 4, "layers": 1, "kernel": 5, "classes": 2},
        (63 * 4 + 4 + 9 * 4 + 4 + 4 * 4)
        + (2 * (15 * 16 + 4) + 2 * (3 * 16 + 4) + 2 * 16 + 20 + 2 * 4)
        + (linear(4, 12) + 4 + 2 * 4 + 3 * linear(4, 4)),  # green's hidden units see red, blue's both
        labelled(uniform(3, 5, 4), 2),
        {Samples, Density},
        kind="exact",
        noisy=False,
    ),
    Example(
        "pixelcnn of logistics",
        PixelCNN,
        {"shape": (3, 8, 8), "levels": 256, "width": 4, "layers": 1, "kernel": 3, "head": "logistics", "mixtures": 2},
        (63 * 4 + 4 + 9 * 4 + 4 + 4 * 4)
        + (2 * (6 * 16 + 4) + 2 * (2 * 16 + 4) + 2 * 16 + 20)
        + (linear(4, 4) + linear(4, 2 * (1 + 3 + 3 + 3))),
        uniform(3, 8, 8),
        {Samples, Density},
        kind="exact",
        enlarged={"shape": (3, 16, 16)},
        noisy=False,
    ),
]

EXAMPLES += [
    Example(
        "energy of vectors",
        EnergyModel,
        {"shape": (2,), "width": 8, "chains": 16, "steps": 2, "length": 5, "step": 0.01, "noise": None},
        linear(130, 8) + linear(8, 8) + linear(8, 1),
        uniform(2),
        {Samples, Density},
        kind="unnormalised",
        tempered=False,  # chains of few steps have not left where they began
    ),
    Example(
        "energy of images",
        EnergyModel,
        {"shape": (1, 8, 8), "width": 4, "chains": 16, "steps": 2, "length": 3},
        conv(4, 4) + linear(64, 1),
        uniform(1, 8, 8),
        {Samples, Density},
        kind="unnormalised",
        tempered=False,
    ),
    Example(
        "rbm with chains that go on",
        RBM,
        {"shape": (1, 8, 8), "hidden": 3, "chains": 6, "length": 3},
        64 * 3 + 64 + 3,
        uniform(1, 8, 8),
        {Samples, Density},
        kind="exact",
        enlarged={"shape": (1, 16, 16)},
        tempered=False,
    ),
    Example(
        "rbm beyond enumeration, with chains from the data",
        RBM,
        {"shape": (20,), "hidden": 17, "chains": 0, "k": 2, "length": 3},
        20 * 17 + 20 + 17,
        uniform(20),
        {Samples, Density},
        kind="unnormalised",
        tempered=False,
    ),
    Example(
        "dbn",
        DBN,
        {"shape": (1, 8, 8), "hidden": (5, 3), "chains": 6, "length": 3},
        (64 * 5 + 64 + 5) + (5 * 3 + 5 + 3),
        uniform(1, 8, 8),
        {Samples},
        tempered=False,
    ),
    Example(
        "ncsn of vectors, sliced",
        NCSN,
        {"shape": (2,), "width": 8, "levels": 4, "largest": 4.0, "least": 0.05, "objective": "sliced", "steps": 2},
        # two numbers with 64 waves of them, and the noise with 16
        linear(130 + 33, 8) + 2 * linear(8, 8) + linear(8, 2),
        uniform(2),
        {Samples},
    ),
    Example(
        "ncsn of images",
        NCSN,
        {"shape": (1, 8, 8), "width": 8, "levels": 4, "steps": 2},
        # the U-Net at half the sides: pixels in blocks of four
        (conv(4, 8) + told(8, 8, 33) + linear(32, 16))
        + (2 * told(16, 16, 33) + 2 * 16 + linear(16, 16) + linear(16, 32) + linear(16, 16))
        + (linear(16, 32) + told(16, 8, 33) + linear(16, 8) + 2 * 8 + conv(8, 4)),
        uniform(1, 8, 8),
        {Samples},
        tempered=False,  # what is clipped to the range of images is alike at any temperature
    ),
]

EXAMPLES += [
    Example(
        "realnvp",
        RealNVP,
        {"features": 3, "layers": 2, "width": 5, "depth": 1},
        2 * (2 * 3 + linear(1, 5) + linear(5, 2 * 2)),  # actnorm; of three numbers one tells of two
        uniform(3),
        AUTOENCODER,
        kind="exact",
        noisy=False,
    ),
    Example(
        "realnvp with splines",
        RealNVP,
        {"features": 2, "layers": 2, "width": 5, "coupling": "spline"},
        2 * (2 * 2 + linear(1, 5) + linear(5, 5) + linear(5, 8 + 8 + 7)),
        uniform(2),
        AUTOENCODER,
        kind="exact",
        noisy=False,
    ),
    Example(
        "ffjord",
        FFJORD,
        {"features": 2, "width": 5, "depth": 1},
        2 * 2 + linear(3, 5) + linear(5, 2),
        uniform(2),
        AUTOENCODER,
        kind="exact",
    ),
    Example(
        "glow",
        Glow,
        {"shape": (1, 8, 8), "steps": 1, "width": 4},
        # at 4 x 4 actnorm, convolution, two couplings of two channels; at 2 x 2, eight channels, one; the noise within levels
        (2 * 4 + 4 * 4 + 2 * (conv(2, 4) + 4 * 16 + linear(4, 4) + conv(4, 4)))
        + (2 * 8 + 8 * 8 + conv(4, 4) + 4 * 4 + linear(4, 4) + conv(4, 8))
        + (conv(1, 4) + 4 * 64 + linear(4, 4) + conv(4, 2)),
        uniform(1, 8, 8),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (1, 16, 16)},
    ),
    Example(
        "realnvp of images",
        MultiScaleRealNVP,
        {"shape": (3, 8, 8), "scales": 1, "steps": 2, "width": 4},
        2 * (2 * 12 + conv(6, 4) + 4 * 16 + linear(4, 4) + conv(4, 12)),
        uniform(3, 8, 8),
        AUTOENCODER,
        kind="bound",
        enlarged={"shape": (3, 16, 16)},
    ),
]

# A GPT as small as can be: the tokens, the start; a block's norms, attention and layers; the last norm.
WRITER: dict[str, Any] = {"tokens": 7, "width": 8, "layers": 1, "heads": 2, "length": 9}
OF_WRITER = 7 * 8 + 8 + (2 * 16 + linear(8, 8) + linear(8, 16) + linear(8, 8) + linear(8, 32) + linear(32, 8)) + 16
FROZEN = frozenset(f"reference.{name}" for name, _ in GPT(**WRITER).named_parameters())

EXAMPLES += [
    Example(
        "reward model",
        RewardModel,
        WRITER,
        OF_WRITER + 8,
        pairs_of_outfits,
        set(),
        idle=frozenset({"gpt.stack.norm.bias"}),  # what it adds to every reward alike
        noisy=False,
        sized=False,
    ),
    Example("dpo", DPO, WRITER, 2 * OF_WRITER, pairs_of_outfits, set(), idle=FROZEN, noisy=False, sized=False),
    Example(
        "ppo",
        PPO,
        {**WRITER, "texts": 4, "epochs": 2},
        2 * OF_WRITER + linear(8, 1),
        lambda n: (outfits(n), 4 + torch.arange(n) % 3),
        set(),
        idle=FROZEN,
        sized=False,
    ),
]

PROTOCOLS: dict[type, tuple[str, ...]] = {
    Samples: ("sample",),
    Density: ("log_prob",),
    Autoencodes: ("encode", "decode", "reconstruct"),
    Interpolates: ("interpolate",),
}
CALLS: dict[str, Callable[[Any, Tensor], Any]] = {
    "sample": lambda model, x: model.sample(2),
    "log_prob": lambda model, x: model.log_prob(x),
    "encode": lambda model, x: model.encode(x),
    "decode": lambda model, x: model.decode(torch.zeros(2, model.latent_size)),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "interpolate": lambda model, x: model.interpolate(x, x, 2),
}
TAKES_EXAMPLES = ("log_prob", "encode", "reconstruct", "interpolate")


def over(chosen: list[Any]) -> pytest.MarkDecorator:
    """Run a test over some of the examples."""
    return pytest.mark.parametrize("example", chosen, ids=lambda example: example.name)


def having(*abilities: type) -> list[Example]:
    return [example for example in EXAMPLES if example.abilities.issuperset(abilities)]


def inputs(data: Any) -> Any:
    """The examples alone, where they come with labels."""
    return data[0] if type(data) is tuple else data


def with_inputs(data: Any, x: Tensor) -> Any:
    """The same data with other examples in it."""
    return (x, *data[1:]) if type(data) is tuple else x


every_model = over(EXAMPLES)
every_learner = over([example for example in EXAMPLES if not example.formula])
every_formula = over([example for example in EXAMPLES if example.formula])
every_image_model = over([e for e in EXAMPLES if isinstance(inputs(e.data(1)), Tensor) and inputs(e.data(1)).ndim == 4])


def train(model: Model, data: Any, seed: int = 0, steps: int = 6) -> dict[str, float]:
    examples = Windows(data) if isinstance(data, Window) else TensorDataset(*data) if type(data) is tuple else data
    fitted = model.fit(examples, steps=steps, batch_size=8, precision="fp32", device="cpu", seed=seed, held_out=0.0)
    assert fitted.steps == (math.ceil(len(examples) / 8) if isinstance(model, ClosedForm) else steps)
    return fitted.figures


def snapshot(model: Model) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def point(code: Any) -> Tensor:
    """The latent that a code stands for: the mean of a distribution, or the code itself."""
    return code.mean if isinstance(code, Distribution) else code


# -------------------------------------------------------------------------------------------------------- what it is


def test_every_model_has_an_example() -> None:
    for module in pkgutil.walk_packages(genmodels.__path__, "genmodels."):
        if not module.name.startswith(NOT_WALKED):
            importlib.import_module(module.name)
    found, unseen = set(), [Model]
    while unseen:
        children = unseen.pop().__subclasses__()
        unseen += children
        found |= {
            child
            for child in children
            if child.__module__.startswith("genmodels.")
            and not child.__module__.startswith(NOT_WALKED)
            and not inspect.isabstract(child)
            and ABC not in child.__bases__  # what others are built on
        }
    assert {VAE, WGANGP} <= found
    missing = found - {example.model for example in EXAMPLES}
    assert not missing, f"without an example in this table: {', '.join(cls.__name__ for cls in missing)}"


@every_model
def test_arguments_are_recorded_and_shown(example: Example) -> None:
    model = example.build()
    defaults = {
        name: parameter.default
        for name, parameter in list(inspect.signature(example.model.__init__).parameters.items())[1:]
        if parameter.default is not parameter.empty
    }
    assert model.arguments == defaults | example.arguments
    shown = repr(model)
    assert shown.endswith(f"  # {example.parameters:,} parameters")
    call = ast.parse(shown, mode="eval").body  # it reads as the code that builds the model
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == example.model.__name__
    assert {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords} == model.arguments


@every_model
def test_parameters_are_as_many_as_counted_by_hand(example: Example) -> None:
    assert example.build().num_parameters == example.parameters


@every_model
def test_deepcopy_is_another_model_like_it(example: Example) -> None:
    model = example.stirred()
    before = snapshot(model)
    twin = copy.deepcopy(model)
    assert repr(twin) == repr(model)
    assert same(snapshot(twin), before)
    train(twin, example.data(8))
    assert same(snapshot(model), before)
    assert not same(snapshot(twin), before)


# ---------------------------------------------------------------------------------------------------------- training


@every_learner
def test_each_update_moves_all_of_its_parameters_and_nothing_else(example: Example) -> None:
    moved: set[str] = set()
    for index in range(len(example.build().updates())):
        model = example.stirred()
        before = snapshot(model)
        update = model.updates()[index]
        own = {name for name, p in model.named_parameters() if any(p is mine for mine in update.parameters)}
        fit(model, [update], lambda step: example.data(8), steps=update.every, precision="fp32", device="cpu")
        changed = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
        assert own - example.idle <= changed <= own
        moved |= changed
    assert moved | example.idle == {name for name, _ in example.build().named_parameters()}


@every_learner
def test_a_fit_is_a_function_of_its_seed(example: Example) -> None:
    states, figures = [], []
    for seed, elsewhere in ((3, 0), (3, 1), (4, 0)):
        model = example.build()
        torch.manual_seed(elsewhere)
        figures.append(train(model, example.data(20), seed=seed))
        states.append(snapshot(model))
    assert same(states[0], states[1])
    assert figures[0] == figures[1]
    assert not same(states[0], states[2])


@over([example for example in EXAMPLES if not example.formula and example.noisy])
def test_noise_in_the_losses_depends_on_the_seed(example: Example) -> None:
    """One example is the same batch under any seed, so what differs is the noise."""
    states = []
    for seed in (3, 4):
        model = example.build()
        train(model, example.data(1), seed=seed)
        states.append(snapshot(model))
    assert not same(*states)


@every_model
def test_fit_leaves_the_global_generator_alone(example: Example) -> None:
    model = example.build()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train(model, example.data(8))
    assert torch.equal(torch.get_rng_state(), before)


@every_learner
def test_losses_and_figures_are_finite_numbers(example: Example) -> None:
    model = example.stirred()
    for update in model.updates():
        loss, figures = update.loss(example.data(8))
        assert loss.shape == ()
        assert loss.requires_grad
        for name, value in {"loss": loss, **figures}.items():
            assert math.isfinite(torch.as_tensor(value).item()), name
    recorded = train(model, example.data(8))
    assert {f"{update.name}/{figure}" for update in model.updates() for figure in ("loss", "grad_norm")} <= recorded.keys()
    assert all(type(value) is float and math.isfinite(value) for value in recorded.values())


@every_image_model
def test_bytes_are_images_scaled_to_one(example: Example) -> None:
    data = example.data(16)
    as_bytes = (255 * inputs(data)).round().to(torch.uint8)
    as_floats = as_bytes.float() / 255
    models = [example.build(), example.build()]
    for model, images in zip(models, (as_bytes, as_floats), strict=True):
        train(model, with_inputs(data, images))
    assert same(*map(snapshot, models))
    model = example.stirred()
    for name in TAKES_EXAMPLES:
        if hasattr(model, name):
            results = []
            for images in (as_bytes, as_floats):
                torch.manual_seed(0)
                result = CALLS[name](model, images)
                results.append(result.nats if isinstance(result, LogProb) else point(result))
            torch.testing.assert_close(*results)


@over([example for example in EXAMPLES if example.sized])
def test_examples_of_another_shape_are_refused(example: Example) -> None:
    model = example.build()
    right = example.data(8)
    if isinstance(right, Window):
        wrong: Any = right._replace(mean=right.mean.repeat(1, 1, 2), log_sd=right.log_sd.repeat(1, 1, 2))
        shapes = [tuple(window.mean.shape[2:]) for window in (right, wrong)]
    else:
        wrong = with_inputs(right, torch.cat([inputs(right), inputs(right)], dim=-1))
        shapes = [tuple(inputs(images).shape[1:]) for images in (right, wrong)]
    model = example.stirred() if example.formula else model
    before = snapshot(model)
    for call in (train, *(CALLS[name] for name in TAKES_EXAMPLES if hasattr(model, name))):
        with pytest.raises(ValueError, match="shape") as refused:
            call(model, wrong if call is train else inputs(wrong))
        assert all(str(shape) in str(refused.value) for shape in shapes)
    assert same(snapshot(model), before)


# ------------------------------------------------------------------------------------------------- estimated by a formula


@every_formula
def test_an_estimate_depends_on_the_data_alone(example: Example) -> None:
    """On no order, no size of batches, no seed, and on nothing seen before."""
    data = example.data(25)
    shuffled = torch.randperm(25, generator=seeded(0))
    other_order = tuple(part[shuffled] for part in data) if type(data) is tuple else data[shuffled]
    before = example.stirred()
    for model, rows, seed in ((example.build(), other_order, 1), (before, data, 2)):
        train(model, example.data(3), seed=seed)
        train(model, rows, seed=seed)
        assert same(snapshot(model), snapshot(example.stirred()))
    whole = example.build()
    whole.fit(TensorDataset(*data) if type(data) is tuple else data)
    assert same(snapshot(whole), snapshot(before))


@every_formula
def test_before_it_has_seen_data_it_says_so(example: Example, tmp_path: Path) -> None:
    x = inputs(example.data(2))
    example.build().save(tmp_path)
    for model in (example.build(), load(tmp_path)):
        for name in ("sample", "log_prob"):
            with pytest.raises(NoDataSeen, match=f"this {example.model.__name__} has seen no data yet"):
                CALLS[name](model, x)
    with pytest.raises(ValueError, match="no examples"):
        example.build().fit(x[:0])
    with pytest.raises(TypeError, match=r"its parameters are a formula: call fit\(data\)"):
        example.build().updates()


@every_formula
def test_a_folder_holds_the_estimate_from_the_last_data(example: Example, tmp_path: Path) -> None:
    for n in (9, 25):
        data = example.data(n)
        example.build().fit(TensorDataset(*data) if type(data) is tuple else data, folder=tmp_path)
    assert same(snapshot(load(tmp_path)), snapshot(example.stirred()))
    with pytest.raises(ValueError, match="Choose another folder"):
        Box(shape=(7,)).fit(torch.rand(4, 7), folder=tmp_path)


@every_formula
def test_a_share_may_be_held_out_and_judged(example: Example) -> None:
    data = example.data(25)
    model = example.build()
    hook = Hook(1, lambda step: {"seen": float(step)})
    fitted = model.fit(TensorDataset(*data) if type(data) is tuple else data, held_out=0.2, batch_size=7, hooks=[hook])
    assert (fitted.steps, fitted.figures["seen"]) == (3, 3.0)  # 20 of 25
    assert not math.isnan(fitted.figures["validation/nats"])
    loss, _ = example.stirred().loss(data)
    assert loss.item() == pytest.approx(-example.stirred().log_prob(inputs(data)).nats.mean().item())


# -------------------------------------------------------------------------------------------------------- save and load


@every_model
def test_a_saved_model_comes_back(example: Example, tmp_path: Path) -> None:
    model = example.stirred()
    train(model, example.data(8))
    model.save(tmp_path / "model")
    torch.manual_seed(7)
    for loaded in (load(tmp_path / "model"), example.model.load(tmp_path / "model")):
        assert type(loaded) is example.model
        assert loaded.arguments == model.arguments
        assert same(snapshot(loaded), snapshot(model))
        assert not loaded.training
        if isinstance(model, Samples) and isinstance(loaded, Samples):
            a, b = (m.sample(8, generator=seeded(0)) for m in (model, loaded))
            torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@every_model
def test_damaged_weights_are_refused(example: Example, tmp_path: Path) -> None:
    example.build().save(tmp_path)
    weights = tmp_path / "model.safetensors"
    good = weights.read_bytes()
    flipped = bytearray(good)
    flipped[-3] ^= 1  # one bit of one number
    for bad in (bytes(flipped), good[:-4], b""):
        weights.write_bytes(bad)
        with pytest.raises(storage.Corrupt, match=r"model\.safetensors"):
            load(tmp_path)
    weights.write_bytes(good)
    assert same(snapshot(load(tmp_path)), snapshot(example.build()))


# -------------------------------------------------------------------------------------------------------- capabilities


def why_not(model: Model, name: str, x: Tensor) -> str:
    """The reason that a model gives for not doing something; nothing where it does it."""
    try:
        CALLS[name](model, x)
    except NotSupported as refusal:
        return str(refusal)
    return ""


@every_model
def test_what_it_claims_is_what_it_does(example: Example) -> None:
    model, x = example.stirred(), inputs(example.data(2))
    for protocol, names in PROTOCOLS.items():
        reasons = {name: why_not(model, name, x) for name in names}
        assert isinstance(model, protocol) == (protocol in example.abilities) == (not any(reasons.values()))
        for name, reason in reasons.items():
            assert hasattr(model, name) == (not reason)
            if reason:
                expected = example.model.cannot.get(name, "it ")
                assert reason.startswith(f"{example.model.__name__} has no {name}(): {expected}")
            else:
                assert name not in example.model.cannot
    with pytest.raises(AttributeError, match="no attribute 'paint'"):
        model.paint()


@over(having(Samples))
def test_samples_are_a_function_of_the_generator(example: Example) -> None:
    model = example.stirred()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, again, other = (model.sample(5, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert first.shape == (5, *inputs(example.data(1)).shape[1:])
    assert torch.isfinite(first).all()
    assert not first.requires_grad
    assert torch.equal(first, again)
    assert not torch.isclose(first, other).all()
    assert len(first.unique(dim=0)) == 5
    torch.manual_seed(1)
    assert torch.equal(model.sample(5), first)  # without one, the global generator is used


@over(having(Samples))
def test_no_samples_are_none_of_their_shape(example: Example) -> None:
    model = example.stirred()
    classes = [{}, {"cond": torch.zeros(0, dtype=torch.long)}] if example.arguments.get("classes", 1) > 1 else [{}]
    some = model.sample(2)
    for of_classes in classes:
        none = model.sample(0, **of_classes)
        assert (none.shape, none.dtype) == ((0, *some.shape[1:]), some.dtype)
        assert not none.requires_grad


@over([example for example in having(Samples) if example.tempered])
def test_cold_samples_vary_less(example: Example) -> None:
    model = example.stirred()
    cold, cool, warm = (model.sample(300, temperature=t, generator=seeded(0)).float().std(0).mean() for t in (1e-4, 0.25, 1.0))
    assert cold < 0.1 * warm
    assert cold < cool < warm
    assert torch.equal(model.sample(3, temperature=1.0, generator=seeded(0)), model.sample(3, generator=seeded(0)))


@over(having(Density))
def test_log_prob_is_one_number_for_each_example(example: Example) -> None:
    model = example.stirred()
    x = inputs(example.data(6))
    if not example.formula and x.is_floating_point():  # to which all examples of this kind are about as probable
        x = x * torch.linspace(0.1, 1, 6).view(-1, *[1] * (x.ndim - 1))
    told = model.log_prob(x, samples=64, generator=seeded(0))
    assert isinstance(told, LogProb)
    assert told.kind == example.kind
    assert told.nats.shape == (6,)
    assert torch.equal(told.nats, model.log_prob(x, samples=64, generator=seeded(0)).nats)
    alone = torch.cat([model.log_prob(x[i : i + 1], samples=64, generator=seeded(1)).nats for i in range(6)])
    spread = told.nats.std().item()
    torch.testing.assert_close(told.nats, alone, rtol=0, atol=0.1 * spread)


@over([example for example in having(Density) if example.enlarged])
def test_log_prob_is_summed_over_dimensions(example: Example) -> None:
    """Of like pixels, four times as many have about four times the nats."""
    larger = Example(**{**vars(example), "arguments": example.arguments | example.enlarged})
    x = example.data(32)
    tiled = x.repeat_interleave(2, -1).repeat_interleave(2, -2)
    models = [each.build() for each in (example, larger)]
    for model, images in zip(models, (x, tiled), strict=True):
        if example.formula:
            train(model, images)
    few, many = (model.log_prob(images).nats.mean() for model, images in zip(models, (x, tiled), strict=True))
    assert few < -10
    assert 3.5 < many / few < 4.5


@over(having(Autoencodes))
def test_reconstruct_is_encode_and_decode(example: Example) -> None:
    model, x = example.stirred(), example.data(4)
    z = point(model.encode(x))
    assert z.shape == (4, model.latent_size)
    torch.testing.assert_close(model.reconstruct(x), model.decode(z))
    assert model.reconstruct(x).shape == x.shape
    assert len(z.unique(dim=0)) == 4
    assert not torch.allclose(model.decode(z), model.decode(z + 1.0), atol=1e-3)


@over(having(Interpolates, Autoencodes))
def test_interpolation_goes_from_one_to_the_other(example: Example) -> None:
    model = example.stirred()
    a, b = example.data(4).split(2)
    path = model.interpolate(a, b, 5)
    assert path.shape == (2, 5, *a.shape[1:])
    torch.testing.assert_close(path[:, 0], model.reconstruct(a), rtol=0, atol=1e-4)
    torch.testing.assert_close(path[:, -1], model.reconstruct(b), rtol=0, atol=1e-4)
    torch.testing.assert_close(path, model.interpolate(b, a, 5).flip(1), rtol=0, atol=1e-4)
    for row in path:
        assert len(row.unique(dim=0)) == 5


# -------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        (VAE, {"likelihood": "poisson"}, "likelihood is 'gaussian' or 'bernoulli', not 'poisson'"),
        (VAE, {"shape": (1, 30, 30)}, r"sides of \(30, 30\) pixels cannot be halved"),
        (WGANGP, {"shape": (3, 28, 50)}, r"sides of \(28, 50\) pixels cannot be halved"),
        (WGANGP, {"shape": (2,), "critic_steps": 0}, "every must be at least 1, not 0"),
        (NaiveBayes, {"shape": (3,), "levels": (2, 2)}, r"levels: one number for all of shape \(3,\)"),
        (NaiveBayes, {"shape": (1, 2, 1), "levels": (2, 3)}, "levels: one number for all"),
        (NaiveBayes, {"classes": 0}, "classes are at least 1"),
        (NaiveBayes, {"smoothing": -1.0}, "smoothing at least 0"),
    ],
)
def test_arguments_it_cannot_use_are_refused(model: type[Model], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        model(**arguments).updates()


@every_model
def test_unknown_arguments_are_refused(example: Example) -> None:
    with pytest.raises(TypeError, match="colour"):
        example.model(**example.arguments, colour="red")


@over([example for example in having(Samples) if example.arguments.get("classes", 1) == 1])
def test_a_condition_is_refused_by_what_takes_none(example: Example) -> None:
    with pytest.raises(ValueError, match="not conditional"):
        example.build().sample(2, cond=torch.zeros(2))
