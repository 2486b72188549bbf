/* govern-*, who-* and format-* over Python: what is loaded, what leaves the machine, what is handed on. Most of it is said
 * by one call and its literals, so fragments are looked at too. */
#include "check/prose.h"
#include "check/py_train.h"
#include "check/secret.h"
#include "data/pii.h"
#include "rules/catalog.h"

#include <ctype.h>
#include <string.h>

static bool has_any(tn_str s, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tn_str_has_fold(s, words[i]))
            return true;
    return false;
}

static bool is_true(const tn_py_value *v)
{
    bool b;
    return v && tn_py_as_bool(v, &b) && b;
}

static bool is_false(const tn_py_value *v)
{
    bool b;
    return v && tn_py_as_bool(v, &b) && !b;
}

/* ---- govern-provenance ---- */

/* A file that this same file writes is its own. */
static bool is_written_here(const tn_py_check *c, const tn_py_value *path)
{
    tn_str wanted, other;
    if (!tn_py_as_str(path, &wanted))
        return false;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (tn_py_is(e, "torch.save") && tn_py_as_str(tn_py_arg(e, "f", 1), &other) && tn_str_eq(wanted, other))
            return true;
        if (tn_py_is_any(e, "joblib.dump") && tn_py_as_str(tn_py_arg(e, "filename", 1), &other) && tn_str_eq(wanted, other))
            return true;
    }
    return false;
}

/* Its own pickles come back: dump and load in one file, the path behind an open(). */
static bool pickles_itself(const tn_py_check *c)
{
    for (size_t i = 0; i < c->flow->n_events; i++)
        if (tn_py_is_any(c->flow->event[i], "pickle.dump|dill.dump|cloudpickle.dump"))
            return true;
    return false;
}

/* pickle.load(open("model.pkl", "rb")): the words of the call and of the name that its value gets. */
static bool is_about_a_model(const tn_py_check *c, const tn_py_event *e)
{
    static const char *const words[] = {"model", "clf", "classif", "regress", "pipeline", "weights", "estimator", "checkpoint", "vectoriz", "predictor", "urlopen(", "requests.get("};
    const tn_py_node *statement = e->node;
    while (statement->parent && statement->parent->kind != TN_PY_FUNCTION && statement->kind != TN_PY_ASSIGN && statement->kind != TN_PY_WITH && statement->kind != TN_PY_EXPR)
        statement = statement->parent;
    if (statement->kind == TN_PY_ASSIGN && statement->parent && statement->parent->kind == TN_PY_WITH)
        statement = statement->parent;
    tn_str text = tn_str_sub(tn_py_source(c->tree, statement), 0, 400);
    return has_any(text, words, TN_COUNT(words)) && !tn_str_has_fold(text, "dumps(");
}

static tn_status look_provenance(tn_py_check *c)
{
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        const tn_py_argument_value *trust = tn_py_arg_at(e, "trust_remote_code", -1);
        if (trust && is_true(trust->value))
            TN_TRY(tn_py_say(c, trust->node ? trust->node : e->node, NULL, "use a class of the library; where that cannot be, read the code, copy it into the project, and load it from there",
                             "trust_remote_code=True runs what that repository holds on the day"));
        if (is_false(tn_py_arg(e, "use_safetensors", -1)))
            TN_TRY(tn_py_say(c, e->node, NULL, "leave use_safetensors away, or set it to True; convert old weights once, in a sandbox", "use_safetensors=False asks for pickled weights, which run code when they are loaded"));
        if (tn_py_named(e, "save_pretrained|push_to_hub") && is_false(tn_py_arg(e, "safe_serialization", -1)) && tn_py_lacks(e, "save_function", -1))
            TN_TRY(tn_py_say(c, e->node, NULL, "leave safe_serialization away: safetensors is what the library writes by itself", "safe_serialization=False writes pickled weights, which run code when they are loaded"));
        const tn_py_event *made = e->n_args ? tn_py_maker(e->arg[0].value) : NULL;
        if (made && tn_py_is(made, "io.BytesIO")) /* what this process wrote into its own memory */
            continue;
        if (tn_py_is_any(e, "torch.load|torch.serialization.load") && !e->open_args && !is_true(tn_py_arg(e, "weights_only", -1)) && (is_false(tn_py_arg(e, "weights_only", -1)) || tn_py_lacks(e, "weights_only", -1)) &&
            !is_written_here(c, tn_py_arg(e, "f", 0)))
            TN_TRY(tn_py_say(c, e->node, NULL, "load safetensors; or torch.load(..., weights_only=True), which reads tensors and nothing else", "torch.load without weights_only=True runs whatever the file's author put in"));
        if (tn_py_is_test(c))
            continue; /* a test reads what it has just written */
        bool joblib = tn_py_is_any(e, "joblib.load|sklearn.externals.joblib.load");
        bool pickle = tn_py_is_any(e, "pickle.load|pickle.loads|cPickle.load|dill.load|cloudpickle.load|cloudpickle.pickle.load|pandas.read_pickle");
        if ((joblib && !is_written_here(c, tn_py_arg(e, "filename", 0))) || (pickle && is_about_a_model(c, e) && !pickles_itself(c)))
            TN_TRY(tn_py_say(c, e->node, NULL, "load only files whose digest you have checked, or keep models in a format that holds no code (safetensors, skops, ONNX)", "a model is loaded from a pickle, which runs whatever its author put in"));
    }
    return TN_OK;
}

/* ---- govern-userdata ---- */

/* A literal that is a secret in earnest: long, mixed, no words, no placeholder. */
static bool is_secret(tn_str s)
{
    static const char *const no[] = {"your", "xxx", "token", "secret", "placeholder", "example", "changeme", "<", "...", " ", "/", "http"};
    bool seen[256] = {false}, digit = false, letter = false;
    size_t distinct = 0, at = 0, from, to;
    const char *what;
    if (tn_secret_next(s, &at, &what, &from, &to)) /* found by its form already */
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char ch = (unsigned char)s.ptr[i];
        distinct += !seen[ch];
        seen[ch] = true;
        digit = digit || isdigit(ch);
        letter = letter || isalpha(ch);
    }
    return s.len >= 12 && distinct >= 8 && digit && letter && !has_any(s, no, TN_COUNT(no));
}

static bool names_a_secret(tn_str name)
{
    static const char *const whole[] = {"api_key", "apikey", "hf_token", "access_token", "auth_token", "secret_key", "password", "passwd", "use_auth_token", "api_token", "wandb_key", "bearer_token"};
    static const char *const end[] = {"_api_key", "_apikey", "_hf_token", "_access_token", "_auth_token", "_secret_key", "_password", "_api_token", "_secret", "hub_token", "wandb_api_key"};
    for (size_t i = 0; i < TN_COUNT(whole); i++)
        if (name.len == strlen(whole[i]) && tn_str_has_fold(name, whole[i]))
            return true;
    for (size_t i = 0; i < TN_COUNT(end); i++)
        if (name.len > strlen(end[i]) && tn_str_has_fold(tn_str_sub(name, name.len - strlen(end[i]), name.len), end[i]))
            return true;
    return false;
}

static tn_status say_secret(tn_py_check *c, const tn_py_node *at, tn_str name)
{
    tn_str evidence = tn_str_format(c->arena, "%.*s = \"***\"", TN_ARG(name));
    if (!evidence.ptr)
        return tn_fail_nomem(c->err, 64);
    return tn_py_say(c, at, evidence.ptr, "revoke it now, since history keeps it; read it from the environment (os.environ) or a secret store", "a secret stands in the code as a literal");
}

/* HF_TOKEN = "..."; os.environ["WANDB_API_KEY"] = "..."; {"api_key": "..."} is left to the calls. */
static tn_status look_literals(tn_py_check *c)
{
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) {
        if (n->kind != TN_PY_ASSIGN || !n->x || !n->y || n->y->kind != TN_PY_STRING || !is_secret(n->y->str))
            continue;
        const tn_py_node *target = n->x;
        tn_str name = target->kind == TN_PY_NAME || target->kind == TN_PY_ATTRIBUTE ? target->str
                      : target->kind == TN_PY_SUBSCRIPT && target->y && target->y->kind == TN_PY_STRING ? target->y->str
                                                                                                       : TN_STR("");
        if (names_a_secret(name))
            TN_TRY(say_secret(c, n, name));
    }
    return TN_OK;
}

/* print, logging.info, loguru, and `logger.info` of a logger that came from elsewhere. */
static bool is_logging(const tn_py_check *c, const tn_py_event *e)
{
    if (tn_py_is(e, "print"))
        return true;
    if (!tn_py_named(e, "info|debug|warning|error|critical|log|exception"))
        return false;
    return tn_str_has_fold(tn_str_sub(tn_py_source(c->tree, e->node->x), 0, 40), "log") || tn_py_typed(e->receiver, "*Logger");
}

static bool names_a_person(tn_str key)
{
    static const char *const words[] = {"email", "e_mail", "e-mail", "phone", "phone_number", "ssn", "passport", "iban", "credit_card", "card_number", "home_address", "full_name", "first_name", "last_name", "customer_name",
                                        "patient_name", "patient_id", "national_id", "date_of_birth", "birthdate", "dob"};
    for (size_t i = 0; i < TN_COUNT(words); i++)
        if (key.len == strlen(words[i]) && tn_str_has_fold(key, words[i]))
            return true;
    return false;
}

/* row["email"] or user.email somewhere in what is printed, not under len(), sum(), hash() and the like. */
static tn_str person_in(const tn_py_node *call)
{
    for (const tn_py_node *n = call->y; n; n = tn_py_next(n, call)) {
        tn_str key = n->kind == TN_PY_SUBSCRIPT && n->y && n->y->kind == TN_PY_STRING ? n->y->str : n->kind == TN_PY_ATTRIBUTE && n->x && n->x->kind == TN_PY_NAME ? n->str : TN_STR("");
        if (!names_a_person(key))
            continue;
        bool bare = true;
        for (const tn_py_node *p = n->parent; p && p != call; p = p->parent)
            bare = bare && p->kind != TN_PY_CALL && p->kind != TN_PY_COMPARE && p->kind != TN_PY_ATTRIBUTE;
        if (bare)
            return key;
    }
    return TN_STR("");
}

/* The rows come from files of the project, not from the Hub: nobody else has published them. */
static bool is_local(const tn_py_value *v)
{
    for (size_t i = 0; v && i < v->n_rows; i++) {
        const tn_py_rows *origin = tn_py_origin(v->rows[i]);
        const tn_py_event *e = origin ? origin->event : NULL;
        tn_str builder;
        if (e && tn_py_is(e, "datasets.load_dataset") && tn_py_as_str(tn_py_arg(e, "path", 0), &builder) &&
            (tn_str_is(builder, "csv") || tn_str_is(builder, "json") || tn_str_is(builder, "parquet") || tn_str_is(builder, "text")))
            return true;
        if (e && (tn_str_starts(e->callee, "pandas.read_") || tn_py_named(e, "from_pandas|from_csv|from_json|from_sql")))
            return true;
    }
    return false;
}

static tn_status look_push(tn_py_check *c, const tn_py_event *e)
{
    static const char *const people[] = {"customer", "user", "patient", "client", "employee", "ticket", "support", "review", "chat", "internal", "private", "call"};
    const tn_py_value *private = tn_py_arg(e, "private", -1);
    tn_str id = {0}, kind = {0};
    bool data = tn_py_named(e, "push_to_hub") && (tn_py_typed(e->receiver, "datasets.Dataset|datasets.DatasetDict|*DatasetDict") || (e->receiver && e->receiver->n_rows > 0));
    bool repository = tn_py_named(e, "create_repo") && tn_py_as_str(tn_py_arg(e, "repo_type", -1), &kind) && tn_str_is(kind, "dataset");
    if (!data && !repository)
        return TN_OK;
    tn_py_as_str(tn_py_arg(e, "repo_id", 0), &id);
    if (is_false(private))
        return tn_py_say(c, e->node, NULL, "private=True, until somebody has decided on purpose, in writing, that these rows may be public", "a data set is published to everybody with private=False");
    bool absent = !private && tn_py_lacks(e, "private", -1);
    if (data && absent && (is_local(e->receiver) || has_any(id, people, TN_COUNT(people))))
        return tn_py_say(c, e->node, NULL, "push with private=True, and only on purpose", "rows of your own are pushed to the Hub with no private=True: a new repository is public");
    return TN_OK;
}

static tn_status look_userdata(tn_py_check *c)
{
    TN_TRY(look_literals(c));
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        for (size_t k = 0; k < e->n_args; k++) {
            const tn_py_argument_value *a = &e->arg[k];
            bool named = names_a_secret(a->name) || ((tn_str_is(a->name, "token") || tn_str_is(a->name, "key")) && tn_py_named(e, "login|from_pretrained|push_to_hub|load_dataset|HfApi|init|snapshot_download|hf_hub_download|InferenceClient"));
            /* Behind a name that says so the assignment is told already. */
            if (named && a->value->kind == TN_PV_STRING && a->value->literal && a->node && a->node->kind != TN_PY_NAME && is_secret(a->value->text) && !(a->node->x && a->node->x->kind == TN_PY_NAME))
                TN_TRY(say_secret(c, a->node, a->name));
        }
        if (is_logging(c, e)) {
            tn_str key = person_in(e->node);
            if (key.len)
                TN_TRY(tn_py_say(c, e->node, NULL, "log counts and ids, never the value", "personal data (%.*s) goes into the log", TN_ARG(key)));
        }
        TN_TRY(look_push(c, e));
    }
    return TN_OK;
}

/* ---- govern-pii ---- */

static bool is_invented(tn_str s)
{
    static const char *const words[] = {"example.", "@test", "test@", "noreply", "no-reply", "localhost", "555-", "555 ", "@mail.com", "@email.com", "@domain", "foo@", "@company.com", "+1 555", "john.doe", "jane.doe", "john@", "jane@", "123-45-6789", "0123456789",
                                        "1234567", "4111", "4242 4242", "git@", "@github", "@users", "@gmail.com>"};
    return has_any(s, words, TN_COUNT(words));
}

static bool is_person(tn_pii_kind k)
{
    return k == TN_PII_EMAIL || k == TN_PII_PHONE || k == TN_PII_CARD || k == TN_PII_IBAN || k == TN_PII_NATIONAL_VN;
}

/* The text of an example holds a way to reach a real person. */
static bool holds_person(tn_str s, tn_pii_kind *kind)
{
    size_t at = 0, from, to;
    s = tn_str_sub(s, 0, 20000);
    while (tn_pii_next(s, &at, kind, &from, &to))
        if (is_person(*kind) && !is_invented(tn_str_sub(s, from > 12 ? from - 12 : 0, to + 4)))
            return true;
    return false;
}

static bool reads_text(const tn_py_event *e)
{
    return tn_py_named(e, "predict|encode|generate|tokenize|decode_and_predict|classify|summarize|ner|classifier|sentiment|pipe") || tn_py_typed(e->receiver, "*Pipeline|transformers.pipeline|*Tokenizer|*TokenizerFast|*SentenceTransformer") ||
           tn_py_is_any(e, "transformers.pipeline.__call__") || (tn_py_maker(e->receiver) && tn_py_is(tn_py_maker(e->receiver), "transformers.pipeline"));
}

static bool in_sentence(tn_str s)
{
    size_t blanks = 0;
    for (size_t i = 0; i < s.len; i++)
        blanks += s.ptr[i] == ' ';
    return blanks >= 3;
}

static tn_status look_outputs(tn_py_check *c)
{
    size_t number = 0;
    for (const tn_json *cell = tn_json_first(tn_json_get(c->notebook->root, "cells")); cell; cell = tn_json_next(cell)) {
        size_t found = 0;
        tn_pii_kind kind = TN_PII_EMAIL, first = TN_PII_EMAIL;
        number++;
        for (const tn_json *out = tn_json_first(tn_json_get(cell, "outputs")); out; out = tn_json_next(out)) {
            const tn_json *text = tn_json_get(out, "text") ? tn_json_get(out, "text") : tn_json_get(tn_json_get(out, "data"), "text/plain");
            const tn_json *line = tn_json_type(text) == TN_JSON_ARRAY ? tn_json_first(text) : text;
            for (int i = 0; line && i < 2000; i++, line = tn_json_type(text) == TN_JSON_ARRAY ? tn_json_next(line) : NULL)
                if (holds_person(tn_json_str(line), &kind))
                    first = found++ ? first : kind;
        }
        if (found < 2)
            continue;
        tn_finding f = {.rule = c->rule, .line = tn_json_line(tn_json_get(cell, "outputs")), .column = 1,
                        .message = TN_STR("the outputs kept in this notebook show personal data"),
                        .evidence = tn_str_format(c->arena, "cell %zu: %zu lines with such values, the first an %s", number, found, tn_pii_name(first)),
                        .remedy = TN_STR("clear the outputs before the notebook is shared, and print counts instead of rows")};
        return f.evidence.ptr ? tn_findings_add(c->findings, f, c->err) : tn_fail_nomem(c->err, 64);
    }
    return TN_OK;
}

static tn_status look_pii(tn_py_check *c)
{
    tn_pii_kind kind;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (!reads_text(e))
            continue;
        for (const tn_py_node *n = e->node->y; n; n = tn_py_next(n, e->node))
            if (n->kind == TN_PY_STRING && in_sentence(n->str) && holds_person(n->str, &kind)) {
                TN_TRY(tn_py_say(c, n, tn_pii_name(kind), "invent the example, or redact it: [email], [phone]", "an example shows a person's %s", tn_pii_name(kind)));
                break;
            }
    }
    for (const tn_py_node *n = c->tree->body; n; n = tn_py_next(n, NULL)) /* texts = ["...", "..."] */
        if (n->kind == TN_PY_ASSIGN && n->x && n->x->kind == TN_PY_NAME && n->y && (n->y->kind == TN_PY_LIST || n->y->kind == TN_PY_STRING)) {
            static const char *const words[] = {"text", "example", "review", "sample", "sentence", "message", "prompt", "complaint", "query"};
            const tn_py_node *s = n->y->kind == TN_PY_LIST ? n->y->x : n->y;
            for (; has_any(n->x->str, words, TN_COUNT(words)) && s; s = n->y->kind == TN_PY_LIST ? s->next : NULL)
                if (s->kind == TN_PY_STRING && in_sentence(s->str) && holds_person(s->str, &kind)) {
                    TN_TRY(tn_py_say(c, s, tn_pii_name(kind), "invent the example, or redact it: [email], [phone]", "an example shows a person's %s", tn_pii_name(kind)));
                    break;
                }
        }
    return c->notebook ? look_outputs(c) : TN_OK;
}

/* ---- who-open ---- */

static const char reasons[] = "because|reason|compared|baseline|instead of|open model|open-weight|open weights|open candidate|licence|license agreed|approved|decision|benchmark|fallback|contract|see docs|judge";

/* A call that a closed service answers, or the client for one. */
static bool is_closed(const tn_py_event *e, bool *is_client)
{
    static const char *const makers[] = {"openai.", "anthropic.", "cohere.", "google.generativeai.", "google.genai.", "langchain_openai.", "langchain_anthropic."};
    bool known = false;
    for (size_t i = 0; i < TN_COUNT(makers); i++)
        known = known || tn_str_starts(e->callee, makers[i]);
    if (!known || tn_str_starts(e->callee, "openai.types") || e->open_args || tn_py_arg(e, "base_url", -1))
        return false;
    /* The same client speaks to servers of open models. */
    const tn_py_event *client = tn_py_maker(e->receiver);
    if (client && (client->open_args || tn_py_arg(client, "base_url", -1)))
        return false;
    *is_client = tn_py_named(e, "OpenAI|AzureOpenAI|AsyncOpenAI|Anthropic|AsyncAnthropic|Client|ClientV2|GenerativeModel|ChatOpenAI|ChatAnthropic|OpenAIEmbeddings");
    return *is_client || tn_py_named(e, "create|parse|stream|generate|chat|embed|classify|generate_content|invoke");
}

static tn_status look_open(tn_py_check *c)
{
    /* Where a call is seen, it is told and its client is not. */
    const tn_py_event *call = NULL, *client = NULL;
    static const char *const services[] = {".completions.", ".responses.", ".messages.", ".embeddings."};
    bool explained = false;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool is_client = false;
        /* client.chat.completions.create: what hangs at the client is not followed. */
        bool hangs = client && tn_py_named(e, "create|parse|stream") && has_any(tn_str_sub(tn_py_source(c->tree, e->node->x), 0, 200), services, TN_COUNT(services));
        if (!hangs && !is_closed(e, &is_client))
            continue;
        explained = explained || tn_py_explained(c, e->node, 6, reasons);
        if (is_client)
            client = client ? client : e;
        else
            call = call ? call : e;
    }
    call = call ? call : client;
    if (call && !explained)
        TN_TRY(tn_py_say(c, call->node, NULL, "put an open model into the comparison; where the closed one stays, write the reason, the price and what leaves the machine beside the call",
                         "a closed service does the work, and no reason is given"));
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        tn_str id;
        tn_catalog_row row;
        if (tn_py_named(e, "from_pretrained|pipeline|snapshot_download|LLM") && tn_py_as_str(tn_py_arg(e, tn_py_named(e, "pipeline|LLM") ? "model" : "pretrained_model_name_or_path", tn_py_named(e, "pipeline") ? 1 : 0), &id) &&
            tn_catalog_find("models", "id", id, &row)) {
            tn_str gated = tn_catalog_get(&row, "gated");
            if (gated.len && !tn_str_is(gated, "no") && !tn_str_is(gated, "false") && !tn_py_named(e, "Tokenizer") && !tn_py_typed(e->result, "*Tokenizer|*Processor") &&
                tn_str_find(e->callee, TN_STR("Tokenizer"), 0) == SIZE_MAX && !tn_py_explained(c, e->node, 6, reasons))
                TN_TRY(tn_py_say(c, e->node, NULL, "compare it with a model that is open to everybody, or write the reason beside it", "%.*s is gated, and no reason is given for it", TN_ARG(id)));
        }
    }
    return TN_OK;
}

/* ---- who-downstream ---- */

static bool is_text_reader(const tn_py_value *v)
{
    return tn_py_typed(v, "*Tokenizer|*TokenizerFast|*Processor|*FeatureExtractor|*ImageProcessor");
}

static bool is_model(const tn_py_value *v)
{
    const tn_py_event *e = tn_py_maker(v);
    if (e && tn_py_named(e, "unwrap_model")) /* accelerate's, around the same model */
        e = tn_py_maker(v = tn_py_arg(e, "model", 0));
    return !is_text_reader(v) && ((e && tn_py_named(e, "from_pretrained|from_config") && tn_str_starts(e->callee, "transformers.") && tn_str_find(e->callee, TN_STR("Config"), 0) == SIZE_MAX) ||
                                  (v && tn_str_starts(v->type, "transformers.") && tn_str_find(v->type, TN_STR("For"), 0) != SIZE_MAX && tn_str_find(v->type, TN_STR("Config"), 0) == SIZE_MAX));
}

/* Trainer(processing_class=tokenizer) saves the tokenizer with the model. */
static bool trainer_saves_it(const tn_py_event *e)
{
    const tn_py_event *t = tn_py_maker(e->receiver);
    return tn_py_is_trainer(e->receiver) && (!t || t->open_args || tn_py_arg(t, "tokenizer", -1) || tn_py_arg(t, "processing_class", -1) || tn_py_arg(t, "data_collator", -1) || !tn_str_starts(t->callee, "transformers."));
}

static bool sets_label_names(const tn_py_check *c)
{
    return tn_str_find(c->tree->text, TN_STR("id2label"), 0) != SIZE_MAX;
}

static tn_status look_downstream(tn_py_check *c)
{
    const tn_py_event *save = NULL, *state = NULL, *reader = NULL, *counted = NULL;
    bool saves_reader = false;
    double n;
    if (!tn_py_whole(c) || tn_py_is_test(c))
        return TN_OK;
    const tn_py_training *t = tn_py_training_of(c);
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (e->run != 0)
            continue;
        if (tn_py_named(e, "from_pretrained") && is_text_reader(e->result))
            reader = reader ? reader : e;
        if (tn_py_named(e, "from_pretrained") && !e->open_args && tn_str_find(e->callee, TN_STR("ForSequenceClassification"), 0) != SIZE_MAX && tn_py_as_f64(tn_py_arg(e, "num_labels", -1), &n) && n > 1)
            counted = counted ? counted : e;
        if (tn_py_named(e, "save_pretrained|push_to_hub|save_model")) {
            saves_reader = saves_reader || is_text_reader(e->receiver) || trainer_saves_it(e) || (e->receiver && !is_model(e->receiver) && !tn_py_is_trainer(e->receiver));
            if (is_model(e->receiver) || tn_py_is_trainer(e->receiver))
                save = save ? save : e;
        }
        if (tn_py_is_any(e, "torch.save|safetensors.torch.save_file")) {
            const tn_py_value *kept = tn_py_arg(e, tn_py_named(e, "save") ? "obj" : "tensors", 0);
            const tn_py_event *what = tn_py_maker(kept);
            static const char *const passing[] = {"tmp", "temp"}; /* written to be read back, or weighed */
            if (has_any(tn_str_sub(tn_py_source(c->tree, e->node), 0, 200), passing, TN_COUNT(passing)))
                continue;
            if (is_model(kept) || (what && tn_py_named(what, "state_dict") && is_model(what->receiver)))
                state = state ? state : e;
        }
    }
    if (state && !save && t->first)
        TN_TRY(tn_py_say(c, state->node, NULL, "model.save_pretrained(folder) and tokenizer.save_pretrained(folder): weights, config and tokenizer in one place", "a transformers model is saved as bare weights: config, label names and tokenizer are lost"));
    if (save && reader && !saves_reader)
        TN_TRY(tn_py_say(c, save->node, NULL, "save the tokenizer into the same folder: tokenizer.save_pretrained(folder), or processing_class=tokenizer in the Trainer", "the model is saved without its tokenizer"));
    if (save && counted && t->first && !sets_label_names(c))
        TN_TRY(tn_py_say(c, counted->node, NULL, "give id2label and label2id to from_pretrained", "the saved model will call its classes LABEL_0, LABEL_1: no label names are set"));
    return TN_OK;
}

/* ---- format-phases ---- */

static tn_status look_phases(tn_py_check *c)
{
    const tn_py_training *t = tn_py_training_of(c);
    if (!t->first)
        return TN_OK;
    for (size_t i = 0; i < c->flow->n_events; i++) {
        const tn_py_event *e = c->flow->event[i];
        bool serves = tn_py_is_any(e, "uvicorn.run|gunicorn.run|waitress.serve|hypercorn.run|bentoml.serve|ray.serve.run|mlflow.models.serve") ||
                      (tn_py_named(e, "run") && tn_py_typed(e->receiver, "flask.Flask|flask.app.Flask|sanic.Sanic|bottle.Bottle|aiohttp.web.Application")) || tn_py_is_any(e, "aiohttp.web.run_app|bottle.run") ||
                      (tn_py_named(e, "launch|queue") && e->receiver && tn_str_starts(e->receiver->type, "gradio.")) ||
                      tn_py_is_any(e, "huggingface_hub.create_inference_endpoint|huggingface_hub.HfApi.create_inference_endpoint");
        if (serves && e->run == 0 && !e->maybe && e->index > t->first->index)
            return tn_py_say(c, e->node, NULL, "one entry point a phase: train.py writes a checkpoint, evaluate.py its metrics, serve.py loads an evaluated folder",
                             "one script trains (line %u) and serves what it has just trained", t->first->node->line);
    }
    return TN_OK;
}

/* ---- who-scope ---- */

/* A class or a task that no transformers has had. What an `except ImportError` guards, or a project registers, is its own. */
static tn_status look_scope(tn_py_check *c)
{
    static const char mark[] = "transformers.AutoModelFor";
    bool registers = tn_str_find(c->tree->text, TN_STR("register_pipeline"), 0) != SIZE_MAX;
    size_t said = 0;
    for (size_t i = 0; i < c->flow->n_events && said < 3; i++) {
        const tn_py_event *e = c->flow->event[i];
        if (tn_str_starts(e->callee, mark) && !e->maybe) {
            tn_str name = tn_str_sub(e->callee, sizeof mark - 1, e->callee.len), word;
            tn_str_cut(&name, '.', &word);
            if (word.len && !tn_prose_is_auto_model(word)) {
                said++;
                TN_TRY(tn_py_say(c, e->node, NULL, "use the class of the task: AutoModelForSequenceClassification, AutoModelForTokenClassification, AutoModelForCausalLM ...",
                                 "transformers has no class AutoModelFor%.*s", TN_ARG(word)));
            }
        }
        tn_str task;
        if (!registers && tn_py_is(e, "transformers.pipeline") && tn_py_as_str(tn_py_arg(e, "task", 0), &task) && task.len && !tn_prose_is_pipeline(task) && !is_true(tn_py_arg(e, "trust_remote_code", -1))) {
            said++;
            TN_TRY(tn_py_say(c, e->node, NULL, "use a task of transformers.pipeline: text-classification, token-classification, automatic-speech-recognition ...", "transformers has no pipeline \"%.*s\"", TN_ARG(task)));
        }
    }
    return TN_OK;
}

const tn_py_rule tn_py_govern_rules[] = {
    {"govern-provenance", look_provenance}, {"govern-userdata", look_userdata}, {"govern-pii", look_pii},       {"who-open", look_open},
    {"who-downstream", look_downstream},    {"format-phases", look_phases},     {"who-scope", look_scope},
    {NULL, NULL},
};
