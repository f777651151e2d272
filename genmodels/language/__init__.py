"""Models of text.

| file | what |
|---|---|
| `gpt.py` | a transformer that writes, token by token |
"""

from genmodels.language.gpt import GPT

__all__ = ["GPT"]
