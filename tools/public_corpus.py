#!/usr/bin/env python3
"""Collects real public scripts, notebooks, cards and read-mes of machine learning projects, to measure a checker on them.

usage: public_corpus.py OUT [ARCHIVES]
Source distributions named in public_corpus.tsv (package, version, SHA-256 of the archive) are fetched through pip's own index into
ARCHIVES (default OUT/archives), where those already there are used again. Nothing of a package is run or installed: files are read
out of the archive. OUT must be outside the repository; these files are other people's work and are only measured, never shipped.

  OUT/files/PACKAGE-VERSION/PATH   the chosen files
  OUT/manifest.tsv                 kind, package, version, path, SHA-256, bytes

Chosen are files that use a machine learning library: scripts that train or infer in a folder for running (examples, recipes, …),
files beside them that only define such work (library: no checker should mistake them for a run), notebooks, cards (Hub front matter,
or named model_card and the like) and read-mes that speak of models. A package gives at most
CAP files of a kind, those with Hugging Face libraries first, then by the hash of their path: the same table gives the same corpus.
"""
import csv
import hashlib
import json
import pathlib
import re
import sys
import tarfile
from collections import Counter

TABLE = pathlib.Path(__file__).with_name("public_corpus.tsv")
CAP = {"script": 24, "notebook": 12, "library": 6, "card": 12, "readme": 8}
LARGEST = 2 << 20  # notebooks with pictures in their outputs are longer than any text that people wrote
SHORTEST = 200     # shorter files have nothing to check
HUB = r"transformers|datasets|sentence_transformers|setfit|peft|trl|accelerate|diffusers|evaluate|huggingface_hub|tokenizers|optimum"
OTHER = r"torch|sklearn|tensorflow|keras|flax|lightning|pytorch_lightning|ignite|xgboost|lightgbm|sktime|imblearn"
HUB_IMPORT = re.compile(rf"^\s*(?:from|import)\s+(?:{HUB})\b", re.M)
ANY_IMPORT = re.compile(rf"^\s*(?:from|import)\s+(?:{HUB}|{OTHER})\b", re.M)
RUNNING_FOLDER = re.compile(r"(?:^|/)(?:\w*examples?|scripts|recipes|tutorials|demos?|proj|projects|experiments|notebooks?|references"
                            r"|\w*train|training|trainers|finetune)/")
NOT_CHOSEN = re.compile(r"(?:^|/)(?:tests?|\.ipynb_checkpoints|_build|auto_examples|node_modules|kernels|third_party)/"
                        r"|(?:^|/)(?:test_[^/]*|[^/]*_test|conftest|setup|__init__)\.py$")
WORK = re.compile(r"\.fit\(|Trainer\(|\.train\(|\.backward\(|from_pretrained\(|\bpipeline\(|load_dataset\(|\.generate\(|\.predict\("
                  r"|\.evaluate\(|\.fit_transform\(")
RUNS = re.compile(rf"^if __name__|^main\(|^(?!def |class |async |@|#|['\"])\S.*(?:{WORK.pattern})", re.M)
CARD_NAME = re.compile(r"(?:^|/)(?:[A-Z]+_)?(?:model|data|dataset)[-_]?card\.md$", re.I)
FRONT_KEY = re.compile(r"^(?:license|pipeline_tag|datasets|library_name|task_categories|base_model|model-index):", re.M)
ABOUT_MODELS = re.compile(r"pre-?trained|fine-?tun|checkpoint|model card", re.I)


def fetch(wanted, folder):
    """Yields (name, version, archive) for each (name, version, digest).

    Uses pip's finder, because `pip download` would run each package's build to read its metadata. These are pip's inner parts
    (seen with 23.0 and 23.2); they know the index, proxy and certificates that pip is configured with.
    """
    from pip._internal.commands.download import DownloadCommand
    from pip._internal.index.collector import LinkCollector
    from pip._internal.index.package_finder import PackageFinder
    from pip._internal.models.format_control import FormatControl
    from pip._internal.models.selection_prefs import SelectionPreferences
    from pip._vendor.packaging.specifiers import SpecifierSet

    command = DownloadCommand("download", "source distributions only")
    options, _ = command.parse_args(["none"])
    session = command._build_session(options)
    finder = PackageFinder.create(
        link_collector=LinkCollector.create(session, options=options),
        selection_prefs=SelectionPreferences(allow_yanked=True, allow_all_prereleases=True,
                                             format_control=FormatControl({":all:"}, set()), ignore_requires_python=True))
    folder.mkdir(parents=True, exist_ok=True)
    for name, version, digest in wanted:
        path = folder / f"{name}-{version}.tar.gz"
        if not path.exists():
            best = finder.find_best_candidate(name, SpecifierSet(f"=={version}")).best_candidate
            if best is None:
                raise SystemExit(f"{name} {version}: the index has no source distribution")
            reply = session.get(best.link.url_without_fragment)
            reply.raise_for_status()
            part = path.with_suffix(".part")
            part.write_bytes(reply.content)
            part.rename(path)
        got = hashlib.sha256(path.read_bytes()).hexdigest()
        if got != digest:
            raise SystemExit(f"{path}: SHA-256 {got}, the table says {digest}")
        yield name, version, path


def notebook_code(text):
    try:
        cells = json.loads(text)["cells"]
        return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")
    except (ValueError, KeyError, TypeError):
        return ""


def kind_of(path, text):
    """(kind, uses the Hub's libraries), or None when the file is not for the corpus."""
    if NOT_CHOSEN.search(path):
        return None
    if path.endswith(".ipynb"):
        code = notebook_code(text)
        return ("notebook", bool(HUB_IMPORT.search(code))) if ANY_IMPORT.search(code) else None
    if path.endswith(".py"):
        if RUNNING_FOLDER.search(path) and ANY_IMPORT.search(text) and WORK.search(text):
            return "script" if RUNS.search(text) else "library", bool(HUB_IMPORT.search(text))
        return None
    if not path.lower().endswith(".md") or "{{" in text or "template" in path.lower():
        return None
    front = re.match(r"---\r?\n(.*?)\r?\n---\r?\n", text, re.S)
    if CARD_NAME.search(path) or front and path.lower().endswith("readme.md") and FRONT_KEY.search(front[1]):
        return "card", bool(front)
    if path.lower().endswith("readme.md") and path.count("/") > 0 and ABOUT_MODELS.search(text):
        return "readme", "transformers" in text
    return None


def choose(archive):
    """{kind: [(path, bytes)]} of one archive, at most CAP of a kind."""
    found = {kind: [] for kind in CAP}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.partition("/")[2]
            if not member.isfile() or not SHORTEST <= member.size <= LARGEST or not path.lower().endswith((".py", ".ipynb", ".md")):
                continue
            if path.startswith("/") or ".." in path.split("/"):
                continue
            data = tar.extractfile(member).read()
            try:
                kind = kind_of(path, data.decode("utf-8"))
            except UnicodeDecodeError:
                continue
            if kind:
                found[kind[0]].append((not kind[1], hashlib.sha256(path.encode()).digest(), path, data))
    return {kind: [row[2:] for row in sorted(rows)[:CAP[kind]]] for kind, rows in found.items()}


def main():
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    out = pathlib.Path(sys.argv[1])
    if TABLE.resolve().parents[1] in (out.resolve(), *out.resolve().parents):
        raise SystemExit(f"{out}: choose a folder outside the repository")
    with open(TABLE, encoding="utf-8", newline="") as source:
        wanted = sorted(tuple(row) for row in csv.reader(source, delimiter="\t") if row and not row[0].startswith("#"))
    rows, seen = [], set()
    for name, version, archive in fetch(wanted, pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else out / "archives"):
        for kind, files in choose(archive).items():
            for path, data in files:
                digest = hashlib.sha256(data).hexdigest()
                if digest in seen:  # projects copy from each other
                    continue
                seen.add(digest)
                target = out / "files" / f"{name}-{version}" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                rows.append((kind, name, version, path, digest, len(data)))
    with open(out / "manifest.tsv", "w", encoding="utf-8", newline="") as target:
        table = csv.writer(target, delimiter="\t", lineterminator="\n")
        table.writerow(["kind", "package", "version", "path", "sha256", "bytes"])
        table.writerows(sorted(rows))
    counts = Counter(row[0] for row in rows)
    print(f"{out}: {len(rows)} files of {len({row[1] for row in rows})} packages:", ", ".join(f"{k} {n}" for k, n in sorted(counts.items())))


if __name__ == "__main__":
    main()
