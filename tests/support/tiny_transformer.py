"""A BERT and an XLNet of a few kilobytes with random weights, and components on top of them."""

from pathlib import Path
from typing import Any

from pipelines import CASES, SENTENCES, TOK2VEC

LISTENER = {
    "@architectures": "spacy-transformers.TransformerListener.v1",
    "grad_factor": 1.0,
    "upstream": "*",
    "pooling": {"@layers": "reduce_mean.v1"},
}


def save_bert(folder: Path) -> str:
    """Write the model to `folder` and return its path."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = sorted({letter for text, *_ in SENTENCES for letter in text.lower() if letter != " "})
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{x}" for x in letters)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(words), encoding="utf8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return str(folder)


def save_xlnet(folder: Path) -> str:
    """Write an XLNet, which pads on the left, to `folder` and return its path."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import XLNetConfig, XLNetModel, XLNetTokenizerFast

    letters = sorted({letter for text, *_ in SENTENCES for letter in text if letter != " "})
    special = ["<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"]
    blank = "\u2581"
    pieces = {**dict.fromkeys(special, 0.0), blank: -2.0, **dict.fromkeys(letters, -3.0)}
    tokenizer = Tokenizer(models.Unigram(list(pieces.items()), unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=blank)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A:0 <sep>:0 <cls>:2",
        special_tokens=[(piece, special.index(piece)) for piece in ("<sep>", "<cls>")],
    )
    folder.mkdir(parents=True, exist_ok=True)
    XLNetTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    # The slow tokenizer's, which spacy-transformers saves without a look at it.
    (folder / "spiece.model").write_bytes(b"not read")
    torch.manual_seed(0)
    config = XLNetConfig(vocab_size=len(pieces), d_model=16, n_layer=1, n_head=2, d_inner=16)
    XLNetModel(config).save_pretrained(folder)
    return str(folder)


def transformer(name: str) -> dict[str, Any]:
    """The config of a `transformer` component with the model in the folder `name`."""
    spans = {"@span_getters": "spacy-transformers.strided_spans.v1", "window": 8, "stride": 6}
    return {
        "model": {
            "@architectures": "spacy-transformers.TransformerModel.v3",
            "name": name,
            "get_spans": spans,
            "tokenizer_config": {"use_fast": True},
        }
    }


def listening(factory: str) -> dict[str, Any]:
    """The settings of a component, on the transformer in place of a tok2vec of its own."""
    return _replaced(CASES[factory].config)


def _replaced(value: Any) -> Any:
    if value == TOK2VEC:
        return LISTENER
    return {k: _replaced(v) for k, v in value.items()} if isinstance(value, dict) else value
