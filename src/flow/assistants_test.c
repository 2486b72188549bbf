/* Promises of flow/assistants.h: files that are made once, kept up to date, and held against their source. */
#include "test.h"

#include "codec/yaml.h"
#include "flow/assistants.h"
#include "flow/brief.h"

#include <sys/stat.h>
#include <time.h>

static const char today[] = "2026-11-24";

static tn_arena *arena;
static const tn_rules *rules;
static tn_err err;

static int set_up(void **state)
{
    arena = tn_arena_new(0);
    return !arena || tn_rules_load(NULL, today, arena, &rules, &err) != TN_OK;
}

static int tear_down(void **state)
{
    tn_arena_free(arena);
    return 0;
}

static const tn_assistant_file *file_of(const char *path)
{
    const tn_assistant_file *f = tn_assistant_file_of(tn_str_of(path));
    assert_non_null(f);
    return f;
}

static tn_str merge(const char *path, tn_str old)
{
    tn_str out;
    ASSERT_OK(tn_assistants_merge(rules, file_of(path), old.ptr ? &old : NULL, arena, &out, &err), &err);
    return out;
}

static const tn_str absent = {NULL, 0};

static bool has(tn_str text, const char *part)
{
    return tn_str_find(text, tn_str_of(part), 0) < text.len;
}

static void put(const char *path, const char *text)
{
    ASSERT_OK(tn_file_mkdirs(tn_str_c(arena, tn_path_dir(tn_str_of(path))), &err), &err);
    ASSERT_OK(tn_file_write(path, tn_str_bytes(tn_str_of(text)), &err), &err);
}

static tn_str get(const char *path)
{
    tn_bytes b;
    ASSERT_OK(tn_file_read(path, 1 << 20, arena, &b, &err), &err);
    return tn_str_from_bytes(b);
}

static tn_str replaced(tn_str text, const char *from, const char *to)
{
    size_t at = tn_str_find(text, tn_str_of(from), 0);
    assert_true(at < text.len);
    return tn_str_format(arena, "%.*s%s%.*s", TN_ARG(tn_str_sub(text, 0, at)), to, TN_ARG(tn_str_sub(text, at + strlen(from), text.len)));
}

/* The texts, their front matter, their limits. */
static void each_file_has_what_its_assistant_needs(void **state)
{
    size_t n;
    tn_digest source;
    const tn_assistant_file *file = tn_assistant_files(&n);
    ASSERT_OK(tn_context_digest(rules, &source, &err), &err);
    for (size_t i = 0; i < n; i++) {
        tn_front_matter front;
        const tn_json *yaml;
        bool always = false;
        tn_str text = merge(file[i].path, absent);
        assert_ptr_equal(tn_assistant_file_of(tn_str_format(arena, "/x/y/%s", file[i].path)), &file[i]);
        assert_true(has(text, tn_str_format(arena, "source=sha256:%s text=sha256:", source.hex).ptr));
        ASSERT_OK(tn_front_matter_parse(text, arena, &front, &yaml, &err), &err);
        assert_int_equal(front.present, file[i].front != NULL);
        if (tn_str_is(tn_str_of(file[i].path), ".cursor/rules/tenet.mdc"))
            assert_true(tn_json_bool(tn_json_get(yaml, "alwaysApply"), &always) && always);
        if (tn_str_is(tn_str_of(file[i].assistant), "windsurf"))
            ASSERT_STR(tn_json_str(tn_json_get(yaml, "trigger")), "always_on");
        if (file[i].kind == TN_TEXT_SKILL)
            ASSERT_STR(tn_json_str(tn_json_get(yaml, "name")), "tenet"); /* and so is the folder */
        if (file[i].front)
            assert_in_range(tn_json_str(tn_json_get(yaml, "description")).len, 40, 1024);
        assert_true(tn_utf8_check(text) == text.len && !has(text, "\r") && tn_str_ends(text, "<!-- tenet:end -->\n"));
        assert_true(!file[i].max_chars || tn_utf8_count(text) <= file[i].max_chars);
        if (file[i].kind == TN_TEXT_DOCUMENT)
            continue;
        assert_true(tn_str_find(text, TN_STR("\n## Who\n"), 0) < tn_str_find(text, TN_STR("\n## How\n"), 0));
        for (size_t r = 1; r < tn_rules_count(rules); r++) /* all but the persona's */
            assert_true(has(text, tn_str_format(arena, "\n- %.*s (", TN_ARG(tn_rules_at(rules, r)->id)).ptr));
    }
    assert_null(tn_assistant_file_of(TN_STR("README.md")));
    assert_null(tn_assistant_file_of(TN_STR("MY-AGENTS.md")));
}

static void the_documents_context_reproduces(void **state)
{
    tn_str text = merge(".cursor/rules.md", absent);
    size_t from = tn_str_find(text, TN_STR("# Hugging Face AI Rules"), 0), to = tn_str_find(text, TN_STR("\n<!-- tenet:end"), 0);
    assert_true(from < to && to < text.len);
    /* sha256 of that block in the source document, its dash mended. */
    assert_string_equal(tn_sha256(tn_str_bytes(tn_str_sub(text, from, to))).hex, "7ba5d6a45b611f5d2ce8895e55a85b0db03d1157d57bd9e360acfdf781b2d6fa");
    assert_true(has(tn_str_sub(text, 0, from), "Cursor does not read this file"));
}

static void the_users_text_keeps_every_byte(void **state)
{
    static const char *const olds[] = {"", "x", "x\n", "x\n\n", "# Mine\r\n\r\nuse tabs\r\n", "caf\xE9 \xFF\xFE\n", "---\ntitle: mine\n---\nmine\n", "\n\n\n", "  <!-- tenet: no marker -->\n"};
    size_t n;
    const tn_assistant_file *file = tn_assistant_files(&n);
    for (size_t f = 0; f < n; f++)
        for (size_t i = 0; i < TN_COUNT(olds); i++) {
            tn_str old = tn_str_of(olds[i]), first = merge(file[f].path, old), second = merge(file[f].path, first);
            assert_true(tn_str_eq(first, second));
            assert_true(second.ptr == first.ptr); /* the very text: nothing is to be written */
            tn_str front = tn_str_of(file[f].front && !tn_str_starts(old, "---") ? file[f].front : "");
            assert_true(tn_str_eq(tn_str_sub(first, 0, front.len), front));
            size_t at = front.len + (front.len && !old.len);
            assert_true(tn_str_eq(tn_str_sub(first, at, at + old.len), old));
            /* Text behind the block and a block that is out of date. */
            tn_str around = tn_str_format(arena, "%.*sbehind, no line end", TN_ARG(first)), stale = replaced(around, "source=sha256:", "source=sha256:0");
            assert_true(tn_str_eq(merge(file[f].path, around), around));
            if (!has(old, "\xFF"))
                assert_true(tn_str_eq(merge(file[f].path, stale), around));
        }
}

static void markers_that_make_no_pair_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *place;
    } row[] = {
        {"a\n<!-- tenet:begin x -->\nb\n", "2: "},
        {"a\n\n<!-- tenet:end -->\nb\n", "3: "},
        {"<!-- tenet:end -->\n<!-- tenet:begin -->\n", "1: "},
        {"<!-- tenet:begin -->\n<!-- tenet:begin -->\n<!-- tenet:end -->\n", "2: "},
        {"<!-- tenet:begin -->\n<!-- tenet:end -->\n\n<!-- tenet:begin -->\n<!-- tenet:end -->\n", "4: "},
        {"<!-- tenet:begin -->\n<!-- tenet:end -->\n<!-- tenet:end -->", "3: "},
    };
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_str old = tn_str_of(row[i].text), out;
        ASSERT_FAILS(tn_assistants_merge(rules, file_of("AGENTS.md"), &old, arena, &out, &err), TN_EFORMAT, &err);
        if (!tn_str_starts(tn_str_of(err.msg), row[i].place))
            fail_msg("row %zu: %s", i, err.msg);
        tn_findings f;
        ASSERT_OK(tn_findings_init(&f, &err), &err);
        ASSERT_OK(tn_assistants_check(rules, file_of("AGENTS.md"), "AGENTS.md", old, &f, &err), &err);
        assert_int_equal(f.list.len, 1);
        assert_int_equal(f.list.ptr[0].line, atoi(row[i].place));
        tn_findings_free(&f);
    }
}

static uint32_t line_of(tn_str text, const char *part)
{
    uint32_t line = 1;
    size_t at = tn_str_find(text, tn_str_of(part), 0);
    for (size_t i = 0; i < at; i++)
        line += text.ptr[i] == '\n';
    return line;
}

/* What the check says of a text: the message's first words and its line; NULL: nothing. */
static void expect(const char *path, tn_str text, const char *message, uint32_t line)
{
    tn_findings f;
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    ASSERT_OK(tn_assistants_check(rules, file_of(path), path, text, &f, &err), &err);
    if (!message)
        assert_int_equal(f.list.len, 0);
    else if (f.list.len != 1 || !has(f.list.ptr[0].message, message) || f.list.ptr[0].line != line)
        fail_msg("wanted \"%s\" in line %u, got %zu findings: %.*s in line %u", message, line, f.list.len, TN_ARG(f.list.len ? f.list.ptr[0].message : TN_STR("")),
                 f.list.len ? f.list.ptr[0].line : 0);
    for (size_t i = 0; i < f.list.len; i++) {
        assert_string_equal(f.list.ptr[i].rule, "order-context");
        assert_true(f.list.ptr[i].remedy.len > 10);
    }
    tn_findings_free(&f);
}

static void drift_is_found_in_its_line(void **state)
{
    tn_str text = merge("AGENTS.md", TN_STR("# Mine\n"));
    expect("AGENTS.md", text, NULL, 0);
    expect("AGENTS.md", TN_STR("# Mine\n"), "no rules of tenet", 1);
    expect("AGENTS.md", replaced(text, "# Mine", "# Mine, and more\n"), NULL, 0);
    /* The marker is line 3: an empty line stands before the block. */
    expect("AGENTS.md", replaced(text, "# Rules for machine", "# Rules for human"), "edited by hand", 6);
    expect("AGENTS.md", replaced(text, "(error)", "(advice)"), "edited by hand", line_of(text, "(error)"));
    expect("AGENTS.md", replaced(text, "\n<!-- tenet:end", "more\n<!-- tenet:end"), "edited by hand", line_of(text, "\n<!-- tenet:end"));
    expect("AGENTS.md", replaced(text, "\n<!-- tenet:end", "<!-- tenet:end"), "edited by hand", line_of(text, "<!-- tenet:end") - 1);
    expect("AGENTS.md", replaced(text, "source=sha256:", "source=sha256:0"), "have changed since", 3);
    expect("AGENTS.md", replaced(text, "text=sha256:", "text=sha256:0"), "edited by hand", 3);
    tn_str mdc = merge(".cursor/rules/tenet.mdc", absent);
    expect(".cursor/rules/tenet.mdc", mdc, NULL, 0);
    expect(".cursor/rules/tenet.mdc", replaced(mdc, "alwaysApply: true", "globs: src/**"), NULL, 0); /* the user's choice */
    expect(".cursor/rules/tenet.mdc", replaced(mdc, "---\n", ""), "front matter is missing", 1);
    expect(".cursor/rules/tenet.mdc", replaced(mdc, "---\n", "\xEF\xBB\xBF---\n"), "front matter is missing", 1);
    /* git may check a file out with CR LF: that is no drift, and nothing to write. */
    tn_buf crlf = TN_BUF_INIT;
    for (size_t i = 0; i < text.len; i++)
        tn_buf_str(&crlf, text.ptr[i] == '\n' ? TN_STR("\r\n") : tn_str_sub(text, i, i + 1));
    expect("AGENTS.md", tn_buf_view(&crlf), NULL, 0);
    assert_true(merge("AGENTS.md", tn_buf_view(&crlf)).ptr == crlf.ptr);
    tn_buf_free(&crlf);
}

static void the_source_is_rules_and_settings(void **state)
{
    static const struct {
        const char *yaml;
        bool same; /* as without settings */
        const char *said; /* in the text */
    } row[] = {
        {"# nothing\n", true, "senior ML engineer"},
        {"waivers:\n  - {rule: data-config, path: a.py, reason: r, until: 2027-01-31}\n", true, "data-config (error)"},
        {"persona: You are a nurse.\n", false, "## Who\n\nYou are a nurse.\n"},
        {"rules:\n  data-hub: {severity: off, reason: r, until: 2027-01-31}\n", false, "data-versions"},
        {"rules:\n  eval-kpi: {severity: error, reason: r, until: 2027-01-31}\n", false, "eval-kpi (error)"},
        {"rules:\n  eval-kpi: {severity: error, reason: r, until: 2026-01-31}\n", true, "eval-kpi (warning)"},
        {"licences: {allowed: [mit, apache-2.0]}\n", false, "under these licences only: mit, apache-2.0."},
        {"licences: {allowed: []}\n", false, "under these licences only: none."},
    };
    const tn_rules *plain = rules;
    tn_str text = merge("AGENTS.md", absent);
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        tn_digest a, b;
        put("source/tenet.yaml", row[i].yaml);
        ASSERT_OK(tn_rules_load("source", today, arena, &rules, &err), &err);
        ASSERT_OK(tn_context_digest(plain, &a, &err), &err);
        ASSERT_OK(tn_context_digest(rules, &b, &err), &err);
        if ((strcmp(a.hex, b.hex) == 0) != row[i].same || !has(merge("AGENTS.md", absent), row[i].said))
            fail_msg("row %zu: %s", i, row[i].yaml);
        if (row[i].same)
            expect("AGENTS.md", text, NULL, 0);
        else
            expect("AGENTS.md", text, "the rules or settings have changed", 1);
    }
    /* A marker that a project writes into its own texts would break the block. */
    tn_str out;
    put("source/tenet.yaml", "persona: |\n  You are a nurse.\n  <!-- tenet:end -->\n");
    ASSERT_OK(tn_rules_load("source", today, arena, &rules, &err), &err);
    ASSERT_FAILS(tn_assistants_merge(rules, file_of("AGENTS.md"), NULL, arena, &out, &err), TN_EINVALID, &err);
}

static void limits_of_the_assistant_are_kept(void **state)
{
    static const char path[] = ".windsurf/rules/tenet.md";
    char own[12001];
    memset(own, 'x', sizeof own);
    for (size_t n = 200; n < 12000; n += 1400) {
        tn_str old = {own, n}, out;
        tn_status st = tn_assistants_merge(rules, file_of(path), &old, arena, &out, &err);
        if (st == TN_OK) {
            assert_true(tn_utf8_count(out) <= 12000);
            assert_true(has(out, "\n- data-leak (error)"));
            if (n > 1500) {
                assert_true(has(out, "Left out, because this file may not be longer: order-example, "));
                assert_false(has(out, "\n- order-example ("));
            }
            assert_true(tn_str_eq(merge(path, out), out));
            expect(path, out, NULL, 0);
        } else {
            assert_int_equal(st, TN_ELIMIT);
            assert_non_null(strstr(err.msg, "12000 characters"));
            assert_true(n > 3000);
        }
    }
    /* A file that grew too long afterwards is a finding. */
    tn_str grown = tn_str_format(arena, "%.*s%.*s\n", TN_ARG(merge(path, absent)), 9000, own);
    expect(path, grown, "longer than the assistant reads", 6);
    memset(own, '\n', 600);
    tn_str lines = {own, 600}, out;
    ASSERT_FAILS(tn_assistants_merge(rules, file_of(".cursor/rules/tenet.mdc"), &lines, arena, &out, &err), TN_ELIMIT, &err);
    assert_non_null(strstr(err.msg, "500 lines"));
}

static void who_gets_files_is_chosen(void **state)
{
    uint32_t files;
    ASSERT_OK(tn_assistants_choose(NULL, rules, &files, &err), &err);
    assert_int_equal(files, 0x1FF);
    ASSERT_OK(tn_assistants_choose("all", rules, &files, &err), &err);
    assert_int_equal(files, 0x1FF);
    ASSERT_OK(tn_assistants_choose("agents, skill", rules, &files, &err), &err);
    assert_int_equal(files, 0x184);
    for (const char *const *bad = (const char *const[]){"", "cursor,", "nobody", "cursor claude", NULL}; *bad; bad++)
        ASSERT_FAILS(tn_assistants_choose(*bad, rules, &files, &err), TN_EINVALID, &err);
    put("chosen/tenet.yaml", "assistants: [claude, gemini]\n");
    ASSERT_OK(tn_rules_load("chosen", today, arena, &rules, &err), &err);
    ASSERT_OK(tn_assistants_choose(NULL, rules, &files, &err), &err);
    assert_int_equal(files, 0x28);
    put("chosen/tenet.yaml", "assistants: [clippy]\n");
    ASSERT_OK(tn_rules_load("chosen", today, arena, &rules, &err), &err);
    ASSERT_FAILS(tn_assistants_choose("all", rules, &files, &err), TN_EINVALID, &err);
    assert_true(tn_str_starts(tn_str_of(err.msg), "tenet.yaml: assistants: "));
}

static size_t n_findings(const char *dir, uint32_t files)
{
    tn_findings f;
    ASSERT_OK(tn_findings_init(&f, &err), &err);
    ASSERT_OK(tn_assistants_verify(dir, rules, files, arena, &f, &err), &err);
    size_t n = f.list.len;
    tn_findings_free(&f);
    return n;
}

static void a_folder_is_written_once(void **state)
{
    tn_written *w;
    size_t n;
    put("once/AGENTS.md", "# Mine\n");
    put("once/brief.md", "Task: mine\n");
    ASSERT_OK(tn_assistants_write("once", rules, 0x1FF, true, arena, &w, &n, &err), &err);
    assert_int_equal(n, 11);
    assert_int_equal(w[0].what, TN_FILE_KEPT);
    assert_int_equal(w[1].what, TN_FILE_NEW);
    assert_int_equal(w[4].what, TN_FILE_CHANGED);
    assert_string_equal(w[4].path, "AGENTS.md");
    ASSERT_STR(get("once/brief.md"), "Task: mine\n");
    assert_true(tn_str_starts(get("once/AGENTS.md"), "# Mine\n\n<!-- tenet:begin"));
    tn_settings settings;
    ASSERT_OK(tn_settings_parse(get("once/tenet.yaml"), TN_STR("2026-11-24"), arena, &settings, &err), &err);
    assert_int_equal(n_findings("once", 0), 0);
    assert_int_equal(n_findings("once", 0x1FF), 0);
    /* The second time, nothing is touched, not even a file's time. */
    struct stat before, after;
    assert_int_equal(stat("once/CLAUDE.md", &before), 0);
    ASSERT_OK(tn_assistants_write("once/", rules, 0x1FF, true, arena, &w, &n, &err), &err);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(w[i].what, i < 2 ? TN_FILE_KEPT : TN_FILE_SAME);
    assert_int_equal(stat("once/CLAUDE.md", &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_mtim.tv_nsec == after.st_mtim.tv_nsec);
    /* An edited block is replaced, and said. */
    put("once/GEMINI.md", tn_str_c(arena, replaced(get("once/GEMINI.md"), "(error)", "(advice)")));
    assert_int_equal(n_findings("once", 0), 1);
    ASSERT_OK(tn_assistants_write("once", rules, 0x1FF, false, arena, &w, &n, &err), &err);
    assert_int_equal(n, 9);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(w[i].edited != NULL, strcmp(w[i].path, "GEMINI.md") == 0);
    assert_int_equal(n_findings("once", 0), 0);
    /* What is missing is a finding when it is asked for. */
    ASSERT_OK(tn_file_remove("once/CLAUDE.md", &err), &err);
    assert_int_equal(n_findings("once", 0), 0);
    assert_int_equal(n_findings("once", 0x1FF), 1);
    put("nothing/x", "");
    assert_int_equal(n_findings("nothing", 0), 1);
    assert_int_equal(n_findings("nothing", 0x1FF), 9);
    put("fresh/x", "");
    ASSERT_OK(tn_assistants_write("fresh", rules, 0, true, arena, &w, &n, &err), &err);
    ASSERT_STR(get("fresh/brief.md"), tn_brief_template);
}

static void links_are_followed_inside_the_folder_only(void **state)
{
    static const struct {
        const char *link, *to, *said; /* a link of the folder; what the refusal says, NULL: it is fine */
    } row[] = {
        {"CLAUDE.md", "AGENTS.md", NULL},
        {".claude/skills", "../.agents/skills", NULL},
        {"GEMINI.md", "../outside/AGENTS.md", "leads out of the folder"},
        {"GEMINI.md", "/etc/hostname", "leads out of the folder"},
        {".cursor", "../outside", "leads out of the folder"},
        {".cursor", "..", "leads out of the folder"},
        {".windsurf", "/", "leads out of the folder"},
        {"GEMINI.md", "nowhere", "leads nowhere"},
        {"GEMINI.md", "GEMINI.md", "leads nowhere"},
        {"GEMINI.md", ".agents", "is in the way: a file belongs there"},
        {".github", "AGENTS.md", "is in the way: a folder belongs there"},
        {".cursor/rules/tenet.mdc", "../../AGENTS.md", "are one file by a link"},
    };
    tn_written *w;
    size_t n;
    put("outside/AGENTS.md", "theirs\n");
    for (size_t i = 0; i < TN_COUNT(row); i++) {
        ASSERT_OK(tn_file_remove("links", &err), &err);
        put("links/AGENTS.md", "mine\n");
        put("links/.agents/skills/x", "");
        const char *link = tn_path_join(arena, "links", row[i].link);
        ASSERT_OK(tn_file_mkdirs(tn_str_c(arena, tn_path_dir(tn_str_of(link))), &err), &err);
        assert_int_equal(symlink(row[i].to, link), 0);
        tn_status st = tn_assistants_write("links", rules, 0x1FF, true, arena, &w, &n, &err);
        if (row[i].said) {
            if (st != TN_EINVALID || !strstr(err.msg, row[i].said))
                fail_msg("%s -> %s: status %d, %s", row[i].link, row[i].to, (int)st, err.msg);
            /* Nothing was written anywhere. */
            ASSERT_STR(get("links/AGENTS.md"), "mine\n");
            assert_false(tn_file_exists("links/brief.md"));
        } else {
            ASSERT_OK(st, &err);
            struct stat info;
            assert_true(lstat(link, &info) == 0 && S_ISLNK(info.st_mode));
            size_t n_links = 0;
            for (size_t k = 0; k < n; k++)
                n_links += w[k].what == TN_FILE_LINK;
            assert_int_equal(n_links, 1);
            assert_int_equal(n_findings("links", 0x1FF), 0);
            ASSERT_OK(tn_assistants_write("links", rules, 0x1FF, true, arena, &w, &n, &err), &err);
            for (size_t k = 0; k < n; k++)
                assert_true(w[k].what != TN_FILE_NEW && w[k].what != TN_FILE_CHANGED);
        }
        ASSERT_STR(get("outside/AGENTS.md"), "theirs\n");
    }
    assert_int_equal(mkfifo("outside/pipe", 0600), 0);
    ASSERT_OK(tn_file_remove("links", &err), &err);
    put("links/x", "");
    assert_int_equal(mkfifo("links/AGENTS.md", 0600), 0); /* would hang */
    ASSERT_FAILS(tn_assistants_write("links", rules, 0x1FF, true, arena, &w, &n, &err), TN_EINVALID, &err);
}

static tn_status merge_and_check(tn_err *e)
{
    tn_arena *a = tn_arena_new(0);
    tn_findings f = {0};
    tn_str old = TN_STR("mine\n"), out;
    tn_status st = a ? tn_assistants_merge(rules, file_of(".cursor/rules/tenet.mdc"), &old, a, &out, e) : TN_ENOMEM;
    if (st == TN_OK)
        st = tn_findings_init(&f, e);
    if (st == TN_OK)
        st = tn_assistants_check(rules, file_of("AGENTS.md"), "AGENTS.md", replaced(out, "(error)", "(advice)"), &f, e);
    tn_findings_free(&f);
    tn_arena_free(a);
    return st;
}

static void every_failed_allocation_is_reported(void **state)
{
    tn_status st;
    FOR_EACH_FAILED_ALLOCATION(st, st = merge_and_check(&err));
}

int main(void)
{
    enter_temp_folder();
    const struct CMUnitTest test[] = {
        cmocka_unit_test_setup_teardown(each_file_has_what_its_assistant_needs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_documents_context_reproduces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_users_text_keeps_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(markers_that_make_no_pair_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(drift_is_found_in_its_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_source_is_rules_and_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(limits_of_the_assistant_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_gets_files_is_chosen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_is_written_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(links_are_followed_inside_the_folder_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_failed_allocation_is_reported, set_up, tear_down),
    };
    return cmocka_run_group_tests(test, NULL, NULL);
}
