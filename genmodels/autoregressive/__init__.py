"""Models that take one step after another.

| file | what |
|---|---|
| `rnn.py` | LSTM and GRU, one or many layers, in one direction or in both |
| `pixelcnn.py` | gated PixelCNN: images, one pixel after the other |
| `pixel_stacks.py`, `pixel_heads.py` | what a pixel is told of those before it; what is said of it |
| `pixel_sampling.py` | painting pixel by pixel, with what was computed kept |
| `steps.py` | what a sequence is made of: tokens, or frames of bits |

>>> from genmodels.data import Vocabulary
>>> vocabulary = Vocabulary.of("to be or not to be")
>>> rnn = RNN(size=len(vocabulary), hidden=32, layers=2, cell="gru")
>>> rnn.sample(3, length=7, prompt=vocabulary.encode("to be ")[None]).shape
torch.Size([3, 7])
"""

from genmodels.autoregressive.pixelcnn import PixelCNN
from genmodels.autoregressive.rnn import RNN, BidirectionalRNN

__all__ = ["RNN", "BidirectionalRNN", "PixelCNN"]
