"""The published model in torch: texts in, vectors out, with the gradient where it is wanted."""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel


def load(package: Path, dropout: float, n_frozen: int = 0) -> BertModel:
    """Returns the published weights as a model that can be trained. Its tables and lowest layers stay as they are."""
    config = BertConfig.from_pretrained(package, hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout)
    config._attn_implementation = "eager" if dropout else "sdpa"
    model = BertModel.from_pretrained(package, config=config, add_pooling_layer=False, dtype=torch.float32)
    for part in [model.embeddings, *model.encoder.layer[:n_frozen]]:
        part.requires_grad_(False)
    return model


# A batch runs in so many parts of like length.
PARTS = 4


class Texts:
    """Cuts texts into word pieces, once each."""

    def __init__(self, package: Path, max_tokens: int):
        self.tokenizer = Tokenizer.from_file(str(package / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_tokens)

    def batch(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the word pieces, padded to the longest, and the mask."""
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return ids, mask


def vectors(model: BertModel, texts: Texts, batch: list[str]) -> torch.Tensor:
    """Returns the vectors of a batch: the mean over the mask, of length one. Short and long run apart, to pad less."""
    order = sorted(range(len(batch)), key=lambda at: len(batch[at]))
    found: list[torch.Tensor | None] = [None] * len(batch)
    size = max(1, -(-len(order) // PARTS))
    for part in (order[start : start + size] for start in range(0, len(order), size)):
        ids, mask = texts.batch([batch[at] for at in part])
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask[:, :, None].to(hidden.dtype)
        pooled = (hidden * weights).sum(1) / weights.sum(1)
        for at, vector in zip(part, torch.nn.functional.normalize(pooled, dim=-1)):
            found[at] = vector
    return torch.stack(found)


@torch.no_grad()
def embed(model: BertModel, texts: Texts, all_texts: list[str], size: int = 64) -> torch.Tensor:
    """Returns the vectors of many texts, without a gradient."""
    was = model.training
    model.eval()
    order = sorted(range(len(all_texts)), key=lambda at: len(all_texts[at]))
    found = torch.empty(len(all_texts), model.config.hidden_size)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        found[part] = vectors(model, texts, [all_texts[at] for at in part])
    model.train(was)
    return found
