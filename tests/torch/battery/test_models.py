"""Models of `torch.nn`, by their input and by their parameters, in train and in eval mode."""

import torch
from torch.func import functional_call
from torch_judge import as_torch_does, at, numbers, seeded

nn, functional = torch.nn, torch.nn.functional


class Block(nn.Module):
    """Two convolutions and what goes around them."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 2, 3, padding=1, bias=False), nn.Conv2d(2, 2, 3, padding=1, bias=False)
        self.norm, self.other_norm = nn.BatchNorm2d(2), nn.BatchNorm2d(2)

    def forward(self, z):
        inner = functional.relu(self.norm(self.one(z)))
        return functional.relu(z + self.other_norm(self.two(inner)))


class Attention(nn.Module):
    """Attention written by hand."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Linear(4, 12)

    def forward(self, z):
        query, key, value = self.heads(z).chunk(3, -1)
        return functional.softmax(query @ key.mT / 2, -1) @ value


def by_parameters(model, *inputs, pick=lambda result: result):
    """Return the function of the parameters, and two points of it."""
    held = {name: value.detach().clone() for name, value in model.named_parameters()}
    other = {name: value * 0.5 for name, value in held.items()}
    return (lambda parameters: pick(functional_call(model, parameters, inputs))), (held,), (other,)


mlp = seeded(lambda: nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 2), nn.GELU(), nn.Linear(2, 6)))
resnet = seeded(
    lambda: nn.Sequential(nn.Conv2d(1, 2, 3), Block(), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
)
resnet_eval = seeded(
    lambda: nn.Sequential(nn.Conv2d(1, 2, 3), Block(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
).eval()
lstm, gru = seeded(lambda: nn.LSTM(3, 4)), seeded(lambda: nn.GRU(3, 4))
rnn, stacked = seeded(lambda: nn.RNN(3, 4)), seeded(lambda: nn.LSTM(3, 2, num_layers=2, bidirectional=True, batch_first=True))
cell, lstm_cell = seeded(lambda: nn.GRUCell(3, 4)), seeded(lambda: nn.LSTMCell(3, 4))
encoder = seeded(lambda: nn.TransformerEncoderLayer(4, 2, 6, batch_first=True)).eval()
training = seeded(lambda: nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True)).train()
dropping = seeded(lambda: nn.TransformerEncoderLayer(4, 2, 6, dropout=0.2, batch_first=True, norm_first=True)).train()
decoder = seeded(lambda: nn.TransformerDecoderLayer(4, 2, 6, dropout=0.0, batch_first=True))
attention, heads = seeded(Attention), seeded(lambda: nn.MultiheadAttention(4, 2, batch_first=True))
embedding, bilinear = seeded(lambda: nn.Embedding(5, 3)), seeded(lambda: nn.Bilinear(3, 3, 2))
row, other_row, words = numbers(6), numbers(6), torch.tensor([0, 3, 3])
image, other_image = numbers(2, 1, 6, 6), numbers(2, 1, 6, 6)
series, other_series = numbers(4, 3), numbers(4, 3)
text, other_text, state = numbers(1, 3, 4), numbers(1, 3, 4), numbers(1, 4)
reshaped = lambda result: result.flatten()[:5]


PROGRAMS = {
    "a perceptron": at(mlp, row, other_row),
    "a perceptron by parameters": at(*by_parameters(mlp, row)),
    "a ResNet in train mode": at(resnet, image, other_image, module=resnet, derived=False),
    "a ResNet in eval mode": at(resnet_eval, image, other_image, module=resnet_eval),
    "a ResNet in eval mode by parameters": at(*by_parameters(resnet_eval, image), module=resnet_eval),
    "an LSTM": at(lambda z: lstm(z)[0], series, other_series),
    "the last state of an LSTM": at(lambda z: lstm(z)[1], series, other_series),
    "an LSTM by parameters": at(*by_parameters(lstm, series, pick=lambda result: result[0][-1])),
    "two LSTMs in both directions": at(lambda z: stacked(z[None])[0], series, other_series),
    "a GRU": at(lambda z: gru(z)[0][-1], series, other_series),
    "a GRU by parameters": at(*by_parameters(gru, series, pick=lambda result: result[0][-1])),
    "an RNN": at(lambda z: rnn(z)[0], series, other_series),
    "a GRUCell": at(lambda z: cell(z, state.expand(4, 4)), series, other_series),
    "an LSTMCell in a loop": at(lambda z: lstm_cell(z[1:2], lstm_cell(z[:1]))[0], series, other_series),
    "a TransformerEncoderLayer in eval mode": at(encoder, text, other_text, tolerance=1e-7),
    "a TransformerEncoderLayer in train mode": at(training, text, other_text, tolerance=1e-7),
    "a TransformerEncoderLayer by parameters": at(*by_parameters(training, text, pick=reshaped), tolerance=1e-7, derived=False),
    "a TransformerEncoderLayer that drops": at(dropping, text, other_text, tolerance=1e-7),
    "a TransformerDecoderLayer": at(lambda z: decoder(z, text), text, other_text, tolerance=1e-7),
    "attention by hand": at(attention, text, other_text),
    "scaled_dot_product_attention": at(
        lambda z: functional.scaled_dot_product_attention(z, 2 * z, z), text, other_text, tolerance=1e-7
    ),
    "causal attention": at(
        lambda z: functional.scaled_dot_product_attention(z, z, z, is_causal=True), text, other_text, tolerance=1e-7
    ),
    "MultiheadAttention": at(lambda z: heads(z, z, z)[0], text, other_text, tolerance=1e-7),
    "cdist": at(lambda z: torch.cdist(z, 2 * z.flip(0) + 1), series, other_series, batched=False),
    "pdist": at(functional.pdist, series, other_series),
    "an embedding by its table": at(
        lambda table: functional.embedding(words, table).sin(), embedding.weight.detach(), -embedding.weight.detach()
    ),
    "a bag of embeddings": at(
        lambda table: functional.embedding_bag(words[None], table, mode="mean"),
        embedding.weight.detach(),
        -embedding.weight.detach(),
    ),
    "a bilinear form": at(lambda z: bilinear(z, z.flip(0)), series, other_series),
    "a perceptron that requires gradients": at(lambda z: mlp(z) * mlp[0].bias.sum(), row, other_row),
}

test_as_torch_does = as_torch_does(PROGRAMS)
