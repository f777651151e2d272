"""Models of text.

| file | what |
|---|---|
| `alignment/` | a GPT that answers as is wanted: supervised, by a reward, by preferences |
| `bert.py` | a transformer that reads, and fills gaps |
| `gpt.py` | a transformer that writes, token by token |
| `span_corruption.py` | plain text as a task of reading and writing |
| `t5.py` | a transformer that reads one text and writes another |
| `tagger.py` | a transformer that says which kind each token is |
"""

from genmodels.language.bert import BERT
from genmodels.language.gpt import GPT
from genmodels.language.span_corruption import SpanCorruption, corrupted, restored
from genmodels.language.t5 import T5
from genmodels.language.tagger import Tagger, runs

__all__ = ["BERT", "GPT", "T5", "SpanCorruption", "Tagger", "corrupted", "restored", "runs"]
