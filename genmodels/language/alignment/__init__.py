"""A GPT that answers as is wanted: taught by examples, then by what is preferred.

    GPT  -- supervised, on answers -->  GPT  -- pairs, better and worse -->  DPO
                                         |                                      the policy, a GPT held to the one it came from
                                         |-- pairs --> RewardModel -- PPO --/

| file | what |
|---|---|
| `answers.py` | texts of which a part is the answer; how a GPT writes and weighs them |
| `supervised.py` | the answer's loss, not the prompt's |
| `reward_model.py` | what a text is worth, learned from pairs |
| `ppo.py` | a policy that raises a reward, on a leash |
| `dpo.py` | the same from the pairs themselves, without a reward model |
| `best_of_n.py` | what a reward gives without any training: the best of several answers |
"""

from genmodels.language.alignment.answers import Answers, answer_nats, write
from genmodels.language.alignment.best_of_n import best_of_n, best_of_n_nats
from genmodels.language.alignment.dpo import DPO
from genmodels.language.alignment.ppo import PPO
from genmodels.language.alignment.reward_model import RewardModel
from genmodels.language.alignment.supervised import supervised

__all__ = ["DPO", "PPO", "Answers", "RewardModel", "answer_nats", "best_of_n", "best_of_n_nats", "supervised", "write"]
