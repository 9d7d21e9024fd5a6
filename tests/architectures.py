"""Random models of many architectures, as small as they can be."""

import transformers

TINY = {
    "vocab_size": 600,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
}
ARCHITECTURES = {
    "bert": transformers.BertConfig(**TINY),
    "distilbert": transformers.DistilBertConfig(
        vocab_size=600, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=66
    ),
    "roberta": transformers.RobertaConfig(**TINY, pad_token_id=1),
    "albert": transformers.AlbertConfig(**TINY, embedding_size=16),
    "electra": transformers.ElectraConfig(**TINY, embedding_size=16),
    "mpnet": transformers.MPNetConfig(**TINY, pad_token_id=1),
    "deberta-v2": transformers.DebertaV2Config(**TINY, relative_attention=True),
    "modernbert": transformers.ModernBertConfig(
        **TINY, pad_token_id=0, cls_token_id=2, sep_token_id=3, reference_compile=False
    ),
    "xlm-roberta": transformers.XLMRobertaConfig(**TINY, pad_token_id=1),
}
