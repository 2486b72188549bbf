"""Small models with random weights, of each family and several shapes: what the parity scripts compare on."""
import os

import torch
import transformers

LABELS = 3
# Biases of keys, whose gradient is zero but for rounding. (DeBERTa's key_proj too, where it has no distances.)
KEY_BIASES = (".key.bias", ".k_lin.bias", ".attn.k.bias", ".pos_key_proj.bias")

BERT_LIKE = dict(vocab_size=997, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=112, max_position_embeddings=72)
DEBERTA = dict(relative_attention=True, pos_att_type="p2c|c2p", share_att_key=True, position_buckets=16, norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0)
MODERN = dict(vocab_size=997, hidden_size=64, num_hidden_layers=4, num_attention_heads=4, intermediate_size=80, max_position_embeddings=72, local_attention=16, pad_token_id=0, bos_token_id=1,
              eos_token_id=2, cls_token_id=1, sep_token_id=2)
# name -> (configuration class, its arguments)
SHAPES = {
    "bert": ("BertConfig", BERT_LIKE),
    "bert-relu": ("BertConfig", {**BERT_LIKE, "hidden_act": "relu", "num_attention_heads": 2, "type_vocab_size": 1}),
    "roberta": ("RobertaConfig", {**BERT_LIKE, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "roberta-wide": ("RobertaConfig", {**BERT_LIKE, "hidden_size": 96, "num_attention_heads": 8, "pad_token_id": 3, "num_hidden_layers": 3}),
    "xlm-roberta": ("XLMRobertaConfig", {**BERT_LIKE, "type_vocab_size": 1, "layer_norm_eps": 1e-5}),
    "camembert": ("CamembertConfig", {**BERT_LIKE, "type_vocab_size": 1}),
    "electra": ("ElectraConfig", {**BERT_LIKE, "embedding_size": 32}),
    "electra-even": ("ElectraConfig", {**BERT_LIKE, "embedding_size": 64}),
    "distilbert": ("DistilBertConfig", dict(vocab_size=997, dim=64, n_layers=3, n_heads=4, hidden_dim=112, max_position_embeddings=72)),
    "albert": ("AlbertConfig", {**BERT_LIKE, "num_hidden_layers": 3, "embedding_size": 32}),
    "albert-groups": ("AlbertConfig", {**BERT_LIKE, "num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2, "embedding_size": 64, "hidden_act": "gelu"}),
    "mpnet": ("MPNetConfig", {**BERT_LIKE, "layer_norm_eps": 1e-5}),
    "mpnet-wide": ("MPNetConfig", {**BERT_LIKE, "hidden_size": 96, "num_attention_heads": 8, "num_hidden_layers": 3}),
    "deberta-v3": ("DebertaV2Config", {**BERT_LIKE, **DEBERTA}),
    "deberta-wide": ("DebertaV2Config", {**BERT_LIKE, **DEBERTA, "position_buckets": 256, "max_relative_positions": 512, "num_attention_heads": 2, "norm_rel_ebd": "none", "pooler_hidden_act": "gelu"}),
    "deberta-own": ("DebertaV2Config", {**BERT_LIKE, **DEBERTA, "share_att_key": False, "position_buckets": -1, "position_biased_input": True, "type_vocab_size": 2}),
    "deberta-new-head": ("DebertaV2Config", {**BERT_LIKE, **DEBERTA, "legacy": False, "hidden_act": "gelu_new"}),
    "deberta-plain": ("DebertaV2Config", {**BERT_LIKE}),
    "modernbert": ("ModernBertConfig", MODERN),
    "modernbert-mean": ("ModernBertConfig", {**MODERN, "classifier_pooling": "mean", "attention_bias": True, "mlp_bias": True, "norm_bias": True, "classifier_bias": True, "decoder_bias": False, "local_attention": 32,
                        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention"], "hidden_activation": "silu"}),
    "distilbert-relu": ("DistilBertConfig", dict(vocab_size=997, dim=48, n_layers=2, n_heads=2, hidden_dim=80, max_position_embeddings=72, activation="relu")),
}


def config_of(name, **fields):
    kind, arguments = SHAPES[name]
    return getattr(transformers, kind)(**{"initializer_range": 0.1, "num_labels": LABELS, **arguments, **fields})


def make(name, folder, bare=False, kind=transformers.AutoModelForSequenceClassification, **fields):
    """Norms and biases are drawn too: their usual ones and zeros hide what is left out."""
    torch.manual_seed(0)
    kind = transformers.AutoModel if bare else kind
    model = kind.from_config(config_of(name, **fields))
    with torch.no_grad():
        for n, p in model.named_parameters():
            if p.ndim == 1:
                p += 0.1 * torch.randn_like(p)
    model.save_pretrained(folder)
    return os.path.join(folder)
