"""The stages of `scripts/bench.py`.

| file | what |
|---|---|
| `rates.py` | a figure beside its plain way and its bound; windows in which they take turns |
| `small_run.py` | what the agent's stages are measured on |
| `driving.py` | rollout, the agent at the wheel, fitness |
| `learning.py` | V, latents, M, PPO |
| `dreaming.py` | dreams, a generation in them |
| `models.py` | diffusion, GPT |
| `whole_process.py` | start, import, memory |
"""
