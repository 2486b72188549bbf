"""Small models with random weights, of each family and several shapes: what the parity scripts compare on."""
import os

import torch
import transformers

LABELS = 3

BERT_LIKE = dict(vocab_size=997, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=112, max_position_embeddings=72)
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
    "distilbert-relu": ("DistilBertConfig", dict(vocab_size=997, dim=48, n_layers=2, n_heads=2, hidden_dim=80, max_position_embeddings=72, activation="relu")),
}


def config_of(name):
    kind, arguments = SHAPES[name]
    return getattr(transformers, kind)(**arguments, initializer_range=0.1, num_labels=LABELS)


def make(name, folder, bare=False):
    """Norms and biases are drawn too: their usual ones and zeros hide what is left out."""
    torch.manual_seed(0)
    kind = transformers.AutoModel if bare else transformers.AutoModelForSequenceClassification
    model = kind.from_config(config_of(name))
    with torch.no_grad():
        for n, p in model.named_parameters():
            if p.ndim == 1:
                p += 0.1 * torch.randn_like(p)
    model.save_pretrained(folder)
    return os.path.join(folder)
