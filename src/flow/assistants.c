/* A file is text of the user's with one block of ours in it. Everything is done on whole texts: find the block, make the
 * block that belongs there, put it in the old one's place. So writing twice changes nothing, and checking is making the
 * block again and comparing.
 *
 * The digests in the first marker tell two kinds of drift apart without a copy of the old block: `text` is of the lines
 * between the markers (a hand has edited them), `source` of what they were made from (the rules or settings have moved).
 * Line ends count as LF, because git may check a file out with CR LF.
 *
 * The rules text is the same for every assistant that reads plain Markdown, so one of these files may be a link to
 * another, as people like to have it. */
#include "flow/assistants.h"

#include "base/file.h"
#include "flow/brief.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_FILE = 1 << 20 };

#define MARK_BEGIN "<!-- tenet:begin"
#define MARK_END "<!-- tenet:end -->"

#define ABOUT "Rules of this project for machine learning work on Hugging Face: choosing models, data, training, evaluation, licences, cards."

static const char cursor_front[] = "---\ndescription: \"" ABOUT "\"\nalwaysApply: true\n---\n";
static const char windsurf_front[] = "---\ntrigger: always_on\ndescription: \"" ABOUT "\"\n---\n";
static const char skill_front[] =
    "---\nname: tenet\ndescription: \"Does machine learning work on Hugging Face by this project's rules, from a brief to a verified model: "
    "selecting, fine-tuning, evaluating and deploying models, checking licences, data leaks, cards and code. Use when a task is about models, "
    "data sets, training, evaluation, inference or their documentation.\"\n---\n";

/* Cursor: a rule is best kept under 500 lines, and so is the body of a skill. Windsurf cuts a file at 12,000 characters. */
static const tn_assistant_file files_[] = {
    {"cursor", ".cursor/rules/tenet.mdc", cursor_front, 500, 0, TN_TEXT_RULES},
    {"cursor", ".cursor/rules.md", NULL, 500, 0, TN_TEXT_DOCUMENT},
    {"agents", "AGENTS.md", NULL, 0, 0, TN_TEXT_RULES},
    {"claude", "CLAUDE.md", NULL, 0, 0, TN_TEXT_RULES},
    {"copilot", ".github/copilot-instructions.md", NULL, 0, 0, TN_TEXT_RULES},
    {"gemini", "GEMINI.md", NULL, 0, 0, TN_TEXT_RULES},
    {"windsurf", ".windsurf/rules/tenet.md", windsurf_front, 0, 12000, TN_TEXT_RULES},
    {"skill", ".agents/skills/tenet/SKILL.md", skill_front, 500, 0, TN_TEXT_SKILL},
    {"skill", ".claude/skills/tenet/SKILL.md", skill_front, 500, 0, TN_TEXT_SKILL},
};

/* The document's persistent context, word for word. */
static const char document[] =
    "# Hugging Face AI Rules — Open & Reproducible\n\n"
    "You are a senior ML engineer using Hugging Face.\n\n"
    "Think in terms of tasks, data, models, and evaluation.\n\n"
    "## Core Principles\n\n- Task first, model second\n- Reproducibility over novelty\n- Evaluation is mandatory\n\n"
    "## Models & Data\n\n- Prefer pretrained models\n- Document versions and licenses\n- Avoid data leakage\n\n"
    "## Training & Inference\n\n- Use Trainer / pipelines when appropriate\n- Externalize configuration\n- Measure performance and cost\n\n"
    "## Responsibility\n\n- Check licenses and ethics\n- Document limitations\n- Use models responsibly\n";

static const char settings_template[] =
    "# What this project says about the rules; `tenet rules list` shows them. Every key is optional.\n"
    "#\n"
    "# persona: You are a senior ML engineer in a bank.\n"
    "# assistants: [cursor, agents, claude, copilot, gemini, windsurf, skill]   # whom rules files are written for; absent: all\n"
    "# licences: {allowed: [apache-2.0, mit]}\n"
    "# rules_folder: rules                      # rules of your own, one Markdown file each\n"
    "# rules:                                   # an exception needs a reason and its last day\n"
    "#   data-hub: {severity: off, reason: the data may not leave the house, until: 2027-06-30}\n"
    "# waivers:\n"
    "#   - {rule: data-config, path: train.py, match: batch_size, reason: a teaching example, until: 2027-01-31}\n"
    "# ignore: [third_party/]                   # not checked; patterns as in .gitignore\n"
    "# defaults: {use: commercial, budget: {minutes: 10}}   # front matter that a brief may leave out\n";

const tn_assistant_file *tn_assistant_files(size_t *n)
{
    *n = TN_COUNT(files_);
    return files_;
}

const tn_assistant_file *tn_assistant_file_of(tn_str path)
{
    for (size_t i = 0; i < TN_COUNT(files_); i++) {
        size_t n = strlen(files_[i].path);
        if (tn_str_ends(path, files_[i].path) && (path.len == n || path.ptr[path.len - n - 1] == '/'))
            return &files_[i];
    }
    return NULL;
}

/* ---- which files ---- */

static uint32_t files_of(tn_str assistant)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < TN_COUNT(files_); i++)
        if (tn_str_is(assistant, files_[i].assistant) || tn_str_is(assistant, "all"))
            bits |= 1u << i;
    return bits;
}

static tn_status unknown(tn_str name, const char *where, tn_err *err)
{
    return tn_fail(err, TN_EINVALID, "%sno rules file is written for \"%.*s\"; the assistants are cursor, agents, claude, copilot, gemini, "
                   "windsurf, skill, or all of them: all", where, TN_ARG(tn_str_sub(name, 0, 60)));
}

/* What tenet.yaml asks for; 0 when it does not say. */
static tn_status files_of_settings(const tn_rules *rules, uint32_t *files, tn_err *err)
{
    const tn_settings *s = tn_rules_settings(rules);
    *files = 0;
    for (size_t i = 0; i < s->n_assistants; i++) {
        uint32_t bits = files_of(s->assistant[i]);
        if (!bits)
            return unknown(s->assistant[i], "tenet.yaml: assistants: ", err);
        *files |= bits;
    }
    return TN_OK;
}

tn_status tn_assistants_choose(const char *list, const tn_rules *rules, uint32_t *files, tn_err *err)
{
    TN_TRY(files_of_settings(rules, files, err));
    if (!list) {
        *files = *files ? *files : files_of(TN_STR("all"));
        return TN_OK;
    }
    tn_str rest = tn_str_of(list), name;
    for (*files = 0; tn_str_cut(&rest, ',', &name);) {
        uint32_t bits = files_of(tn_str_trim(name));
        if (!bits)
            return unknown(tn_str_trim(name), "", err);
        *files |= bits;
    }
    return *files ? TN_OK : unknown(TN_STR(""), "", err);
}

/* ---- a block in a text ---- */

typedef struct {
    size_t n_begin, n_end;     /* marker lines */
    uint32_t line, wrong_line; /* of the first begin; of the first marker that makes no pair, 0 = all is well */
    size_t from, to;           /* the block with its marker lines, without the last line's end */
    tn_str marker, body;       /* between the marker lines */
} block;

static bool next_line(tn_str text, size_t *at, tn_str *line)
{
    if (*at >= text.len)
        return false;
    size_t end = tn_str_find(text, TN_STR("\n"), *at);
    end = end > text.len ? text.len : end;
    *line = tn_str_sub(text, *at, end);
    *at = end + 1;
    return true;
}

static block find_block(tn_str text)
{
    block b = {0};
    size_t at = 0, start = 0, body = 0;
    tn_str line;
    for (uint32_t number = 1; start = at, next_line(text, &at, &line); number++) {
        tn_str word = tn_str_trim(line);
        if (tn_str_starts(word, MARK_BEGIN)) {
            if (b.n_begin++ && !b.wrong_line)
                b.wrong_line = number;
            if (b.n_begin == 1) {
                b.line = number;
                b.from = start;
                b.marker = word;
                body = at < text.len ? at : text.len;
            }
        } else if (tn_str_is(word, MARK_END)) {
            if ((++b.n_end > 1 || b.n_begin != 1) && !b.wrong_line)
                b.wrong_line = number;
            if (b.n_end == 1 && b.n_begin == 1) {
                b.body = tn_str_sub(text, body, start);
                b.to = start + line.len;
            }
        }
    }
    if (b.n_begin && !b.n_end && !b.wrong_line)
        b.wrong_line = b.line;
    return b;
}

static tn_status digest_text(tn_str body, tn_digest *out, tn_err *err)
{
    tn_buf b = TN_BUF_INIT;
    for (size_t at = 0, end; at < body.len; at = end) {
        end = tn_str_find(body, TN_STR("\r\n"), at + 1);
        end = end > body.len ? body.len : end;
        size_t skip = body.ptr[at] == '\r' && at + 1 < body.len && body.ptr[at + 1] == '\n';
        tn_buf_str(&b, tn_str_sub(body, at + skip, end));
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        *out = tn_sha256(tn_str_bytes(tn_buf_view(&b)));
    tn_buf_free(&b);
    return st;
}

/* The 64 digits behind "source=sha256:" or "text=sha256:" in a marker; empty when they are not there. */
static tn_str digest_in(tn_str marker, const char *name)
{
    size_t at = tn_str_find(marker, tn_str_of(name), 0);
    return at > marker.len ? TN_STR("") : tn_str_sub(marker, at + strlen(name), at + strlen(name) + 64);
}

/* Front matter in the first bytes: no byte order mark, or the assistant sees none. */
static bool has_front(tn_str text)
{
    size_t at = 0;
    tn_str line;
    if (!next_line(text, &at, &line) || !tn_str_is(tn_str_trim(line), "---") || line.ptr[0] != '-')
        return false;
    while (next_line(text, &at, &line))
        if (tn_str_is(tn_str_trim(line), "---"))
            return true;
    return false;
}

/* ---- the texts ---- */

static void write_left(const tn_context *c, tn_buf *out)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n_left; i++)
        if (c->left[i].reason == TN_LEFT_LENGTH) {
            tn_buf_c(out, n++ ? ", " : "\nLeft out, because this file may not be longer: ");
            tn_buf_str(out, c->left[i].rule->id);
        }
    if (n)
        tn_buf_c(out, ". `tenet rules show ID` says them.\n");
}

static void write_context(const tn_context *c, tn_buf *out)
{
    tn_buf_c(out, "## Who\n\n");
    tn_context_write_who(c, out);
    tn_buf_c(out, "\n## How\n\n");
    tn_context_write_how(c, 3, out);
    write_left(c, out);
}

static void write_rules(const tn_context *c, tn_buf *out)
{
    tn_buf_c(out, "# Rules for machine learning work\n\n");
    write_context(c, out);
    tn_buf_c(out, "\n## Project context\n\n"
                  "A task comes as a brief, `brief.md`: what, why, where and when, in the user's words. The brief decides what is done; these rules "
                  "decide how.\nThese rules have one source (`tenet rules list`), and every assistant of this project gets the same ones, so no "
                  "instruction file takes\nprecedence over another.\n\n"
                  "## Commands\n\n"
                  "- `tenet prompt brief.md`: the brief with the rules it needs, as one prompt\n"
                  "- `tenet plan brief.md`: what a run would do, every value with its reason\n"
                  "- `tenet check PATH`: where work breaks a rule; run it on what you changed before you call it done\n"
                  "- `tenet rules show ID`: why a rule exists, what to do instead, a good and a bad example\n");
}

static void write_document(tn_buf *out)
{
    tn_buf_c(out, "> Cursor does not read this file: it loads `.cursor/rules/*.mdc` and `AGENTS.md`. The text below is kept here for people; what\n"
                  "> Cursor is told stands in `.cursor/rules/tenet.mdc`.\n\n");
    tn_buf_c(out, document);
}

static void write_skill(const tn_context *c, tn_buf *out)
{
    tn_buf_c(out, "# Machine learning work by the rules of this project\n\n"
                  "## Steps\n\n"
                  "1. Read the brief (`brief.md`). When there is none, run `tenet init` and fill it with the user. Never invent what it does not say.\n"
                  "2. Run `tenet plan brief.md` and read every value that is marked as assumed.\n"
                  "3. Run `tenet run brief.md`, or write the code yourself under the rules below.\n"
                  "4. Run `tenet check` on what you wrote, and mend what it finds. `tenet rules show ID` explains a rule.\n"
                  "5. Run `tenet verify` on the run before you quote a number from it.\n\n"
                  "Answer in this order: task definition, model choice, data strategy, training or inference approach, evaluation.\n\n");
    write_context(c, out);
}

static tn_status write_block(const tn_assistant_file *file, const tn_context *c, tn_digest source, tn_buf *out, tn_err *err)
{
    tn_buf body = TN_BUF_INIT;
    tn_digest text;
    tn_buf_c(&body, "<!-- Written by `tenet rules emit` and replaced by it. Your own text is safe outside of this block. -->\n\n");
    switch (file->kind) {
    case TN_TEXT_RULES: write_rules(c, &body); break;
    case TN_TEXT_DOCUMENT: write_document(&body); break;
    case TN_TEXT_SKILL: write_skill(c, &body); break;
    }
    tn_buf_char(&body, '\n');
    tn_status st = tn_buf_status(&body, err);
    block inside = find_block(tn_buf_view(&body));
    if (st == TN_OK && inside.n_begin + inside.n_end)
        st = tn_fail(err, TN_EINVALID, "a line of the persona or of a rule is one of tenet's own markers (%s ...); write it otherwise", MARK_BEGIN);
    if (st == TN_OK)
        st = digest_text(tn_buf_view(&body), &text, err);
    if (st == TN_OK) {
        tn_buf_printf(out, MARK_BEGIN " source=sha256:%s text=sha256:%s -->\n", source.hex, text.hex);
        tn_buf_str(out, tn_buf_view(&body));
        tn_buf_c(out, MARK_END);
    }
    tn_buf_free(&body);
    return st;
}

/* The old text with the block in its place. */
static void place_block(const tn_assistant_file *file, tn_str old, const block *b, tn_str text, tn_buf *out)
{
    if (file->front && !has_front(old)) {
        tn_buf_c(out, file->front);
        tn_buf_c(out, b->n_begin || old.len ? "" : "\n");
    }
    if (b->n_begin) {
        tn_buf_str(out, tn_str_sub(old, 0, b->from));
        tn_buf_str(out, text);
        tn_buf_str(out, tn_str_sub(old, b->to, old.len));
        return;
    }
    tn_buf_str(out, old);
    if (old.len)
        tn_buf_c(out, tn_str_ends(old, "\n") ? "\n" : "\n\n");
    tn_buf_str(out, text);
    tn_buf_char(out, '\n');
}

static size_t count_lines(tn_str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++)
        n += s.ptr[i] == '\n';
    return n;
}

static bool fits(const tn_assistant_file *file, tn_str text)
{
    return (!file->max_lines || count_lines(text) <= file->max_lines) && (!file->max_chars || tn_utf8_count(text) <= file->max_chars);
}

static tn_status pair_or_fail(const block *b, tn_err *err)
{
    if (!b->wrong_line)
        return TN_OK;
    return tn_fail(err, TN_EFORMAT, "%u: this marker of tenet's block makes no pair (%zu begin, %zu end); leave one pair, or none, and run it again",
                   b->wrong_line, b->n_begin, b->n_end);
}

tn_status tn_assistants_merge(const tn_rules *rules, const tn_assistant_file *file, const tn_str *old, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_str had = old ? *old : TN_STR("");
    block b = find_block(had);
    tn_context c;
    tn_digest source;
    tn_buf text = TN_BUF_INIT, whole = TN_BUF_INIT;
    TN_TRY(pair_or_fail(&b, err));
    TN_TRY(tn_context_digest(rules, &source, err));
    TN_TRY(tn_context_make(rules, NULL, 0, a, &c, err));
    tn_status st;
    for (bool done = false; !done;) {
        tn_buf_clear(&text);
        tn_buf_clear(&whole);
        TN_GO(write_block(file, &c, source, &text, err));
        place_block(file, had, &b, tn_buf_view(&text), &whole);
        TN_GO(tn_buf_status(&text, err));
        TN_GO(tn_buf_status(&whole, err));
        done = fits(file, tn_buf_view(&whole));
        if (!done && (file->kind == TN_TEXT_DOCUMENT || !tn_context_drop(&c))) {
            st = tn_fail(err, TN_ELIMIT, "the assistant reads %zu %s of this file at most; the errors among the rules and your own text are more: move "
                         "text of yours to another file", file->max_chars ? file->max_chars : file->max_lines, file->max_chars ? "characters" : "lines");
            goto done;
        }
    }
    /* Line ends alone are no change. */
    tn_digest now, then;
    block fresh = find_block(tn_buf_view(&whole));
    TN_GO(digest_text(fresh.body, &now, err));
    TN_GO(digest_text(b.body, &then, err));
    if (b.n_begin && tn_str_eq(b.marker, fresh.marker) && strcmp(now.hex, then.hex) == 0 && (!file->front || has_front(had)))
        *out = had;
    else if (!(*out = tn_str_dup(a, tn_buf_view(&whole))).ptr)
        st = tn_fail_nomem(err, whole.len);
done:
    tn_buf_free(&text);
    tn_buf_free(&whole);
    return st;
}

/* ---- drift ---- */

static tn_status add(tn_findings *f, const char *path, uint32_t line, const char *message, tn_str evidence, const char *remedy, tn_err *err)
{
    return tn_findings_add(f, (tn_finding){.rule = "order-context", .severity = TN_ERROR, .path = tn_str_of(path), .line = line, .column = line ? 1 : 0,
                                           .message = tn_str_of(message), .evidence = evidence, .remedy = tn_str_of(remedy)}, err);
}

/* The place of the first line in which two bodies differ, counted from the marker's; the marker's when none does. */
static uint32_t first_difference(tn_str a, tn_str b, uint32_t marker_line, tn_str *line)
{
    size_t i = 0, k = 0;
    tn_str other;
    for (uint32_t number = marker_line + 1;; number++) {
        bool more = next_line(a, &i, line), more_b = next_line(b, &k, &other);
        if (!more)
            *line = TN_STR("");
        if (!more && !more_b)
            return marker_line;
        if (!more || !more_b || !tn_str_eq(tn_str_trim(*line), tn_str_trim(other)))
            return number;
    }
}

/* At most 160 bytes, whole characters. */
static tn_str short_of(tn_str s)
{
    size_t n = s.len < 160 ? s.len : 160;
    while (n && n < s.len && ((unsigned char)s.ptr[n] & 0xC0) == 0x80)
        n--;
    return tn_str_sub(s, 0, n);
}

#define EMIT "run `tenet rules emit -o .` in the project's folder"

tn_status tn_assistants_check(const tn_rules *rules, const tn_assistant_file *file, const char *path, tn_str text, tn_findings *f, tn_err *err)
{
    block b = find_block(text);
    tn_digest source, now;
    if (!b.n_begin && !b.n_end)
        return add(f, path, 1, "no rules of tenet stand in this file", TN_STR(""), EMIT, err);
    if (b.wrong_line) {
        tn_str evidence = tn_str_format(f->arena, "%zu begin, %zu end", b.n_begin, b.n_end);
        return add(f, path, b.wrong_line, "a marker of tenet's block makes no pair", evidence.ptr ? evidence : TN_STR(""),
                   "leave one block, or none, then " EMIT, err);
    }
    if (file->front && !has_front(text))
        return add(f, path, 1, "front matter is missing or not in the first bytes: the assistant does not load this file", TN_STR(""), EMIT, err);
    TN_TRY(tn_context_digest(rules, &source, err));
    TN_TRY(digest_text(b.body, &now, err));
    tn_arena_mark mark = tn_arena_save(f->arena);
    tn_str fresh, evidence = TN_STR("");
    const char *message = NULL, *remedy = EMIT;
    uint32_t place = b.line;
    bool same_source = tn_str_is(digest_in(b.marker, "source=sha256:"), source.hex);
    tn_status st = tn_assistants_merge(rules, file, &text, f->arena, &fresh, err);
    if (st != TN_OK && st != TN_ELIMIT)
        return st;
    if (!tn_str_is(digest_in(b.marker, "text=sha256:"), now.hex)) {
        message = "tenet's block was edited by hand";
        remedy = "move your words outside of the markers, or into tenet.yaml, then " EMIT;
        if (same_source && st == TN_OK)
            place = first_difference(b.body, find_block(fresh).body, b.line, &evidence);
    } else if (!same_source) {
        message = "the rules or settings have changed since this file was written";
        evidence = digest_in(b.marker, "source=sha256:");
    } else if (st == TN_ELIMIT) {
        message = "this file is longer than the assistant reads";
        remedy = "move text of your own to another file";
    } else if (!tn_str_eq(fresh, text)) {
        message = "another version of tenet wrote this file, or what fits beside your own text has changed";
    }
    tn_arena_restore(f->arena, mark); /* message and evidence do not lie behind the mark */
    return message ? add(f, path, place, message, short_of(tn_str_trim(evidence)), remedy, err) : TN_OK;
}

/* ---- the folder ---- */

/* Where `path` below the folder `root` (a real path) is, links followed; *exists tells whether a file is there. */
static tn_status resolve(const char *root, const char *path, tn_arena *a, const char **out, bool *exists, tn_err *err)
{
    char real[PATH_MAX];
    const char *at = root;
    size_t n_root = strlen(root);
    tn_str rest = tn_str_of(path), part;
    *exists = true;
    while (tn_str_cut(&rest, '/', &part)) {
        struct stat info;
        char *name = tn_str_c(a, part);
        const char *next = name ? tn_path_join(a, at, name) : NULL;
        if (!next)
            return tn_fail_nomem(err, part.len);
        at = next;
        if (!*exists)
            continue;
        if (lstat(at, &info) != 0) {
            if (errno != ENOENT)
                return tn_fail_errno(err, "cannot look at %s", at);
            *exists = false;
            continue;
        }
        if (S_ISLNK(info.st_mode)) {
            if (!realpath(at, real))
                return tn_fail(err, TN_EINVALID, "%s is a link that leads nowhere; remove it, or make what it leads to", at);
            if (strncmp(real, root, n_root) != 0 || (real[n_root] != '/' && strcmp(root, "/") != 0))
                return tn_fail(err, TN_EINVALID, "%s is a link that leads out of the folder, to %s; it is not followed: remove it", at, real);
            at = tn_str_c(a, tn_str_of(real));
            if (!at)
                return tn_fail_nomem(err, strlen(real));
            if (stat(at, &info) != 0)
                return tn_fail_errno(err, "cannot look at %s", at);
        }
        if (rest.ptr ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode))
            return tn_fail(err, TN_EINVALID, "%s is in the way: a %s belongs there", at, rest.ptr ? "folder" : "file");
    }
    *out = at;
    return TN_OK;
}

/* One file of the folder, from what is there to what is to be there. */
typedef struct {
    const tn_assistant_file *file; /* NULL: a starter */
    const char *target;            /* where the bytes go */
    bool exists;
    tn_str had, wanted;
    tn_written *out;
} job;

static tn_status make_folders(const char *target, tn_err *err)
{
    char path[PATH_MAX];
    size_t n = strlen(target);
    if (n >= sizeof path)
        return tn_fail(err, TN_EINVALID, "path of %zu bytes is too long", n);
    memcpy(path, target, n + 1);
    for (char *p = path + 1; (p = strchr(p, '/')); p++) {
        *p = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return tn_fail_errno(err, "cannot make folder %s", path);
        *p = '/';
    }
    return TN_OK;
}

static tn_status read_text(const char *target, tn_arena *a, tn_str *out, tn_err *err)
{
    tn_bytes bytes;
    TN_TRY(tn_file_read(target, MAX_FILE, a, &bytes, err));
    *out = tn_str_from_bytes(bytes);
    return TN_OK;
}

/* An earlier job that writes the same file: fine when both want the same text in it. */
static tn_status same_target(const job *jobs, size_t n, job *j, tn_err *err)
{
    for (size_t i = 0; i < n; i++) {
        const tn_assistant_file *other = jobs[i].file;
        if (!other || strcmp(jobs[i].target, j->target) != 0)
            continue;
        if (other->kind != j->file->kind || other->front != j->file->front)
            return tn_fail(err, TN_EINVALID, "%s and %s are one file by a link, and they need different texts; remove the link", other->path, j->file->path);
        j->out->what = TN_FILE_LINK;
    }
    return TN_OK;
}

static tn_status prepare(const char *root, const tn_rules *rules, const job *jobs, size_t n, job *j, tn_arena *a, tn_err *err)
{
    TN_TRY(resolve(root, j->file->path, a, &j->target, &j->exists, err));
    TN_TRY(same_target(jobs, n, j, err));
    if (j->out->what == TN_FILE_LINK)
        return TN_OK;
    if (j->exists)
        TN_TRY(read_text(j->target, a, &j->had, err));
    if (tn_assistants_merge(rules, j->file, j->exists ? &j->had : NULL, a, &j->wanted, err) != TN_OK)
        return tn_fail_prefix(err, "%s", j->file->path);
    j->out->what = !j->exists ? TN_FILE_NEW : tn_str_eq(j->had, j->wanted) ? TN_FILE_SAME : TN_FILE_CHANGED;
    block b = find_block(j->had);
    tn_digest now;
    TN_TRY(digest_text(b.body, &now, err));
    if (j->out->what == TN_FILE_CHANGED && b.n_begin && !tn_str_is(digest_in(b.marker, "text=sha256:"), now.hex))
        j->out->edited = "what a hand had written inside tenet's block is replaced; your own text belongs outside of the markers";
    return TN_OK;
}

static tn_status prepare_starter(const char *root, const char *path, const char *text, job *j, tn_arena *a, tn_err *err)
{
    struct stat info;
    j->target = tn_path_join(a, root, path);
    if (!j->target)
        return tn_fail_nomem(err, strlen(path));
    j->wanted = tn_str_of(text);
    j->out->path = path;
    j->out->what = lstat(j->target, &info) == 0 ? TN_FILE_KEPT : TN_FILE_NEW;
    return TN_OK;
}

tn_status tn_assistants_write(const char *dir, const tn_rules *rules, uint32_t files, bool starters, tn_arena *a, tn_written **out, size_t *n, tn_err *err)
{
    char root[PATH_MAX];
    job jobs[TN_COUNT(files_) + 2] = {0};
    *n = 0;
    *out = TN_ARENA_ARRAY(a, tn_written, TN_COUNT(jobs));
    if (!*out)
        return tn_fail_nomem(err, sizeof jobs);
    memset(*out, 0, TN_COUNT(jobs) * sizeof **out);
    if (!realpath(dir, root))
        return tn_fail_errno(err, "cannot open folder %s", dir);
    for (size_t i = 0; i < TN_COUNT(jobs); i++)
        jobs[i].out = *out + i;
    if (starters) {
        TN_TRY(prepare_starter(root, "brief.md", tn_brief_template, &jobs[0], a, err));
        TN_TRY(prepare_starter(root, "tenet.yaml", settings_template, &jobs[1], a, err));
        *n = 2;
    }
    for (size_t i = 0; i < TN_COUNT(files_); i++) {
        if (!(files >> i & 1))
            continue;
        jobs[*n].file = &files_[i];
        jobs[*n].out->path = files_[i].path;
        TN_TRY(prepare(root, rules, jobs, *n, &jobs[*n], a, err));
        ++*n;
    }
    for (size_t i = 0; i < *n; i++) {
        const job *j = &jobs[i];
        if (j->out->what != TN_FILE_NEW && j->out->what != TN_FILE_CHANGED)
            continue;
        TN_TRY(make_folders(j->target, err));
        TN_TRY(tn_file_write(j->target, tn_str_bytes(j->wanted), err));
        if (j->out->what == TN_FILE_NEW && chmod(j->target, 0644) != 0)
            return tn_fail_errno(err, "cannot make %s readable", j->target);
    }
    return TN_OK;
}

tn_status tn_assistants_verify(const char *dir, const tn_rules *rules, uint32_t files, tn_arena *a, tn_findings *f, tn_err *err)
{
    char root[PATH_MAX];
    bool any = false, asked;
    if (!realpath(dir, root))
        return tn_fail_errno(err, "cannot open folder %s", dir);
    if (!files)
        TN_TRY(files_of_settings(rules, &files, err));
    asked = files != 0;
    for (size_t i = 0; i < TN_COUNT(files_); i++) {
        const char *target, *path = tn_path_join(a, dir, files_[i].path);
        bool exists;
        tn_str text = TN_STR("");
        if (!path)
            return tn_fail_nomem(err, 64);
        if (asked && !(files >> i & 1))
            continue;
        TN_TRY(resolve(root, files_[i].path, a, &target, &exists, err));
        if (exists)
            TN_TRY(read_text(target, a, &text, err));
        block b = find_block(text);
        if (!asked && !b.n_begin && !b.n_end)
            continue;
        any = true;
        if (!exists)
            TN_TRY(add(f, path, 0, "this rules file is missing", tn_str_of(files_[i].assistant), EMIT, err));
        else
            TN_TRY(tn_assistants_check(rules, &files_[i], path, text, f, err));
    }
    if (!any && !asked)
        return add(f, dir, 0, "no assistant gets the rules: no rules file of tenet is here", TN_STR(""), "run `tenet init` in the project's folder", err);
    return TN_OK;
}
