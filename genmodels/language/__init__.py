"""Models of text.

| file | what |
|---|---|
| `bert.py` | a transformer that reads, and fills gaps |
| `gpt.py` | a transformer that writes, token by token |
"""

from genmodels.language.bert import BERT
from genmodels.language.gpt import GPT

__all__ = ["BERT", "GPT"]
