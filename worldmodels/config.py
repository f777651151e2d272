"""What an experiment is, as plain data: every choice, its default, and in its docstring what `--help` says of it.

Free of torch, so that `--help` is instant. `build` imports late and takes what only the run knows: the shape of frames, the
number of actions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from genmodels.model import DynamicsModel, VisionModel
    from worldmodels.controller import Controller

Option = bool | int | float | str
Baselines = Literal["none", "random", "all"]  # policies that see nothing
Algorithm = Literal["PPO", "A2C", "SAC", "TD3", "DDPG", "DQN"]  # of Stable-Baselines3


@dataclass(frozen=True)
class World:
    """The real environment."""

    name: str
    """dodge, carracing, takecover or gym:ID"""
    options: dict[str, Option] = field(default_factory=dict)
    """what the environment is made with: NAME VALUE ..., over what the preset has"""
    test_options: dict[str, Option] = field(default_factory=dict)
    """options that differ where the agent is evaluated and recorded"""
    slots: int = 16
    """environments side by side"""

    @property
    def repeat(self) -> int:
        """The frames of the environment that a decision holds for."""
        return int(self.options.get("repeat", 1))


@dataclass(frozen=True)
class Collect:
    """The first data, by a policy that knows nothing, and later rounds by the agent."""

    episodes: int = 200
    """episodes of the first round"""
    policy: Literal["uniform", "held", "correlated", "network"] = "held"
    """the random policy of the first round"""
    span: int = 10
    """steps for which a random action lasts"""
    drift: tuple[float, ...] = ()
    """added to correlated actions"""
    agent_episodes: int = 100
    """episodes of each later round, played by the agent"""
    agent_noise: float = 0.2
    """standard deviation of the noise on the agent's actions, in every second slot; the others explore nothing"""
    recent: float = 0.5
    """share of V's and M's batches from the last round's episodes, in later rounds"""
    mirror: tuple[float, ...] = ()
    """where the mirror image of an episode is one too: -1 for each number of an action that has the other sign there, else 1"""


@dataclass(frozen=True)
class VAEConfig:
    """V: the modern variational autoencoder."""

    latent: int = 32
    """dimensions of z"""
    width: int = 32
    """channels at the finest level"""
    patch: int = 4
    """side of the squares that the first layer takes"""
    blocks: int = 0
    """residual blocks at each level"""
    beta: float = 1.0
    """weight of the KL term: below 1, V keeps more"""
    free_bits: float = 0.0
    """nats of KL that each dimension may use without paying"""
    steps: int = 2000
    """training steps of the first round"""
    later_steps: int = 500
    """training steps of each later round; 0 freezes V after the first"""
    rounds: int = 0
    """rounds after which V is frozen; 0 for never"""
    batch: int = 64
    """frames in a batch"""
    sd: float = 0.0
    """standard deviation of a pixel; 0 learns it, which takes longer"""
    heavy_rows: tuple[int, int] = (0, 0)
    """rows (from, to) whose errors count `row_weight` times"""
    row_weight: float = 1.0
    """how many times"""
    lr: float = 2e-3
    """learning rate"""

    def build(self, shape: tuple[int, int, int]) -> VisionModel:
        """The untrained model for frames of a shape, channels first."""
        from genmodels.autoencoders import VAE

        return VAE(
            shape,
            self.latent,
            self.width,
            beta=self.beta,
            free_bits=self.free_bits,
            blocks=self.blocks,
            patch=self.patch,
            sd=self.sd or None,
            heavy_rows=self.heavy_rows,
            row_weight=self.row_weight,
        )


@dataclass(frozen=True)
class PaperVAEConfig:
    """V as in the paper: 4.3 million parameters, transposed convolutions."""

    latent: int = 32
    """dimensions of z"""
    steps: int = 100_000
    """training steps of the first round"""
    later_steps: int = 10_000
    """training steps of each later round"""
    rounds: int = 0
    """rounds after which V is frozen; 0 for never"""
    batch: int = 100
    """frames in a batch"""
    lr: float = 1e-4
    """learning rate"""

    def build(self, shape: tuple[int, int, int]) -> VisionModel:
        """The untrained model for frames of a shape, channels first."""
        from genmodels.autoencoders import PaperVAE

        if shape != (3, 64, 64):
            raise ValueError(f"the paper's VAE is for frames of shape (3, 64, 64), not {shape}; take VAEConfig")
        return PaperVAE(latent=self.latent)


@dataclass(frozen=True)
class MDNRNNConfig:
    """M: an LSTM that ends in mixtures of Gaussians."""

    hidden: int = 256
    """units of the LSTM"""
    mixtures: int = 5
    """Gaussians for each dimension of z"""
    reward: bool = True
    """whether M predicts rewards; without it each dreamt step is worth `dream.alive`"""
    end: bool = True
    """whether M predicts the end from (h, new z)"""
    foreseen: bool = False
    """predicts the end from h alone: where a death is a rare picture, which is seldom dreamt whole"""
    restart: bool = False
    """the paper's form for TakeCover instead: the end from h alone, ten times as heavy"""
    residual: bool = True
    """predict z' - z rather than z'"""
    reward_scale: float = 1.0
    """the size of a large reward"""
    dropout: float = 0.0
    """the share of h that is hidden, in training, from what is read off it"""
    deep: int = 0
    """units of layers before and behind the LSTM, in which pictures that move are foreseen further; 0: none"""
    patience: int = 0
    """steps without a reward above 0 that M foresees as it does an end; 0: it foresees ends alone"""
    window: int = 32
    """steps of a training window"""
    steps: int = 2000
    """training steps of the first round"""
    later_steps: int = 500
    """training steps of each later round"""
    batch: int = 64
    """windows in a batch"""
    lr: float = 1e-3
    """learning rate"""

    def build(self, latent: int, actions: int) -> DynamicsModel:
        """The untrained model for latents and actions of so many numbers."""
        from genmodels.dynamics import MDNRNN

        return MDNRNN(
            latent,
            actions,
            self.hidden,
            self.mixtures,
            reward=self.reward,
            end=self.end,
            restart=self.restart,
            residual=self.residual,
            reward_scale=self.reward_scale,
            foreseen=self.foreseen,
            dropout=self.dropout,
            deep=self.deep,
        )


@dataclass(frozen=True)
class ControllerConfig:
    """C."""

    sees: Literal["z", "zh", "zch"] = "zh"
    """what it sees: V's latent z, M's hidden state h, M's cell state c"""
    hidden: tuple[int, ...] = ()
    """units of hidden layers; none is the paper's linear controller"""
    bias: bool = True
    """whether its layers have a bias"""

    def build(self, features: int, actions: int, discrete: bool) -> Controller:
        """The untrained controller."""
        from worldmodels.controller import Controller

        return Controller(features, actions, self.hidden, self.bias, discrete)


@dataclass(frozen=True)
class Dream:
    """The dream in which C learns."""

    temperature: float = 1.0
    """above 1 the dream is less predictable, and harder to exploit"""
    horizon: int = 200
    """steps after which a dream is cut"""
    starts: Literal["first", "any"] = "any"
    """begin where episodes began, or at any moment that was seen, with M's state there"""
    alive: float = 1.0
    """the reward of a step, where M predicts none"""


@dataclass(frozen=True)
class Evolve:
    """CMA-ES."""

    iterations: int = 50
    """generations, in each round"""
    population: int = 64
    """candidates in a generation"""
    repeats: int = 16
    """episodes of each candidate"""
    sigma: float = 0.1
    """first step size"""
    diagonal: bool = False
    """a diagonal covariance: for many weights"""
    judge_every: int = 10
    """generations between judgements on held-out luck"""
    judgements: int = 1
    """how often each that is judged plays its episodes"""
    where: Literal["dream", "real"] = "dream"
    """where candidates play"""
    at_once: int = 64
    """episodes of the real environment that are played side by side, by one core; what a node of a cluster is given"""


@dataclass(frozen=True)
class Gradient:
    """Policy gradient (PPO) in the dream."""

    iterations: int = 100
    """rounds of dreaming and descending, in each round of data"""
    dreams: int = 512
    """dreams side by side"""
    length: int = 32
    """steps of a dreamt stretch"""
    epochs: int = 4
    """passes over what was dreamt"""
    minibatch: int = 4096
    """steps in a minibatch"""
    gamma: float = 0.99
    """discount"""
    lr: float = 1e-3
    """learning rate"""
    sd: float = 0.8
    """first standard deviation of actions, before they are squashed"""
    sd_last: float = 0.3
    """last standard deviation"""
    sd_rounds: int = 0
    """rounds over which it falls from the first to the last; 0 for all"""
    ema: float = 0.99
    """decay of the average of C's weights, step by step, which is what is kept"""


@dataclass(frozen=True)
class StableBaselines:
    """An algorithm of Stable-Baselines3, in the dream."""

    algorithm: Algorithm = "PPO"
    """which; SAC, TD3 and DDPG are for continuous actions, DQN for a choice"""
    iterations: int = 50
    """how often it learns for `steps`, in each round of data"""
    steps: int = 16_384
    """dreamt steps of an iteration, over all dreams"""
    dreams: int = 256
    """dreams side by side"""
    gamma: float = 0.99
    """discount"""
    lr: float = 3e-4
    """learning rate"""


@dataclass(frozen=True)
class Choice:
    """Which round's agent is taken."""

    rounds: int = 0
    """how many of the last rounds' agents play against one another; 0 or 1: the last is taken as it is"""
    episodes: int = 16
    """that each plays at first; the worse half leaves, and the others go on to twice as many"""


@dataclass(frozen=True)
class Evaluation:
    """The only score that counts: held-out episodes in the real environment."""

    episodes: int = 100
    """episodes"""
    baselines: Baselines = "all"
    """policies that play the same episodes: fresh random actions; all: also standing still, and constant actions"""


@dataclass(frozen=True)
class Experiment:
    """Everything that makes a run what it is."""

    world: World
    """the real environment"""
    collect: Collect = field(default_factory=Collect)
    """the data"""
    vision: VAEConfig | PaperVAEConfig = field(default_factory=VAEConfig)
    """V"""
    memory: MDNRNNConfig = field(default_factory=MDNRNNConfig)
    """M"""
    controller: ControllerConfig = field(default_factory=ControllerConfig)
    """C"""
    dream: Dream = field(default_factory=Dream)
    """the dream"""
    learner: Evolve | Gradient | StableBaselines = field(default_factory=Gradient)
    """how C learns"""
    choice: Choice = field(default_factory=Choice)
    """which round's agent is taken"""
    evaluation: Evaluation = field(default_factory=Evaluation)
    """how it is judged"""
    rounds: int = 1
    """rounds of collecting, refitting and learning on"""
    seed: int = 0
    """the root of everything random"""
    workers: int = 0
    """worker processes for the real environment; results do not depend on it"""
    device: str = "cpu"
    """where V and M are trained"""


def plain(value: Any) -> Any:
    """An experiment, or a part of one, as JSON: the name of each part's type beside its fields."""
    if hasattr(value, "__dataclass_fields__"):
        fields = {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
        return {"type": type(value).__name__, **fields}
    if isinstance(value, dict):
        return dict(value)
    return list(value) if isinstance(value, tuple) else value


PARTS = {
    part.__name__: part
    for part in (
        Experiment,
        World,
        Collect,
        VAEConfig,
        PaperVAEConfig,
        MDNRNNConfig,
        ControllerConfig,
        Dream,
        Evolve,
        Gradient,
        StableBaselines,
        Choice,
        Evaluation,
    )
}


def from_plain(value: Any) -> Any:
    """The inverse of `plain`; an unknown type or field is named."""
    if isinstance(value, dict) and "type" in value:
        fields = {name: from_plain(part) for name, part in value.items() if name != "type"}
        if value["type"] not in PARTS:
            raise ValueError(f"there is no part of an experiment called {value['type']!r}; there are {', '.join(PARTS)}")
        part = PARTS[value["type"]]
        unknown = set(fields) - set(part.__dataclass_fields__)
        if unknown:
            raise ValueError(f"{part.__name__} has no {', '.join(sorted(unknown))}: was this run made by another version?")
        return part(**fields)
    return tuple(value) if isinstance(value, list) else value
