#!/usr/bin/env python3
"""Writes tests/data/ngrams.txt: the n-gram baseline by scikit-learn 1.9 on a few texts, for each penalty."""
import sys
import unicodedata

import sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

train = [(0, "Hàng tốt, giao nhanh"), (1, "Hàng lỗi, giao chậm"), (2, "Tạm ổn"), (0, "Tốt lắm, rất hài lòng"), (1, "Quá tệ, k mua nữa"),
         (2, "Cũng được"), (0, "giao nhanh giao nhanh"), (1, "chậm  quá\tchậm quá"), (2, "tạm được, giá ổn"), (0, "RẤT TỐT"),
         (1, "lỗi, k dùng được"), (2, "ổn so với giá"), (0, "đẹp & tốt 10/10"), (1, "tệ 1/10 :("), (2, "5/10 tạm")]
test = ["Giao nhanh, hàng đẹp", "k tốt", "tạm tạm", "", "zzz", "GIAO CHẬM quá quá quá", unicodedata.normalize("NFD", "rất tệ"), "10/10 a_b"]


def normal(text):
    return unicodedata.normalize("NFC", text.lower())


with open(sys.argv[1] if len(sys.argv) > 1 else "tests/data/ngrams.txt", "w") as out:
    print(f"# The n-gram baseline by scikit-learn {sklearn.__version__}; tools/mk_ngram_goldens.py\n"
          "# train LABEL TEXT / test TEXT / C VALUE, then probabilities of each test text; 1e-3 apart or less", file=out)
    for label, text in train:
        print("train", label, text, file=out)
    for text in test:
        print("test", text, file=out)
    for C in (1, 10, 100):
        pipe = make_pipeline(make_union(
            TfidfVectorizer(preprocessor=normal, token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True, min_df=2),
            TfidfVectorizer(preprocessor=normal, analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True, min_df=2)),
            LogisticRegression(C=C, tol=1e-10, max_iter=10000))
        pipe.fit([t for _, t in train], [y for y, _ in train])
        print(f"C {C}", file=out)
        for row in pipe.predict_proba(test):
            print(" ".join(repr(float(p)) for p in row), file=out)
        print(f"# {sum(len(v.vocabulary_) for _, v in pipe[0].transformer_list)} features", file=out)
