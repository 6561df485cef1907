"""A random Llama, made on the spot by the interpreter of an engine.

Run as a program: ``python tiny_llama.py FOLDER SIZE``: ``tiny`` has 427 k parameters, ``small``
9.6 M, so that its arithmetic, and not the server around it, sets the pace. A head has 64
dimensions, since engines have no kernels for tiny ones. Random weights choose any token: so every
token is a text of its own (of ASCII, where a byte is a letter), and none ends an answer, which is
as long as was asked for.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

VOCABULARY: Final = 512
SIZES: Final[dict[str, dict[str, int]]] = {
    "tiny": {"hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 1},
    "small": {"hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 6,
              "num_attention_heads": 6, "num_key_value_heads": 2},
}  # fmt: skip
_SPECIAL: Final = ("<|bos|>", "<|eos|>", "<|pad|>")
_TEMPLATE: Final = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "assistant:"
)


def make(folder: str, size: str) -> None:
    """Write the model and its tokenizer into a folder; the same bytes each time."""
    transformers: Any = importlib.import_module("transformers")
    torch: Any = importlib.import_module("torch")
    torch.manual_seed(0)
    begin, end, pad = _SPECIAL
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=_byte_pairs(), bos_token=begin, eos_token=end, pad_token=pad,
        model_max_length=2048,
    )  # fmt: skip
    tokenizer.chat_template = _TEMPLATE
    tokenizer.save_pretrained(folder)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, max_position_embeddings=2048, bos_token_id=0, eos_token_id=None,
        pad_token_id=2, tie_word_embeddings=False, dtype="float32", **SIZES[size],
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).float()
    # Marks have no text: an answer of them would be an empty one.
    model.lm_head.weight.data[: len(_SPECIAL)] = 0.0
    model.save_pretrained(folder)


def _byte_pairs() -> Any:
    """Return a tokenizer of ASCII, trained on sentences that count."""
    tokenizers: Any = importlib.import_module("tokenizers")
    bytes_of = tokenizers.pre_tokenizers.ByteLevel
    found = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=None))
    found.pre_tokenizer = bytes_of(add_prefix_space=False)
    found.decoder = tokenizers.decoders.ByteLevel()
    # In the tokenizer's own writing a space is Ġ and a line feed Ċ.
    letters = [letter for letter in bytes_of.alphabet() if letter.isascii()]
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(_SPECIAL),
        initial_alphabet=sorted([*letters, "\u0120", "\u010a"]), show_progress=False,
    )  # fmt: skip
    found.train_from_iterator(_sentences(), trainer)
    return found


def _sentences() -> Iterator[str]:
    """Yield sentences with enough different parts for the whole vocabulary."""
    things = ("server", "answer", "question", "number", "engine", "request", "moment", "system")
    deeds = ("reads", "counts", "waits for", "begins with", "makes", "measures", "keeps", "ends")
    for number in range(4000):
        thing, deed = things[number % 8], deeds[number // 8 % 8]
        yield f"user: the {thing} {deed} {number} of many words, one after another\nassistant:"


if __name__ == "__main__":
    make(*sys.argv[1:])
