/* The program: finds the command in the table, parses its options, runs it, turns the status into an exit code.
 * Help, man page and shell completion are printed from the same table, so they cannot drift. */
#include "cli.h"
#include "commands.h"
#include "train/ranks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const cli_command help_command, man_command, completion_command;

/* One a line, in the order of `tenet help`. */
const cli_command *const cli_commands[] = {
    &cmd_init,
    &cmd_run,
    &cmd_plan,
    &cmd_prompt,
    &cmd_verify,
    &cmd_reproduce,
    &cmd_rules_list,
    &cmd_rules_show,
    &cmd_rules_emit,
    &cmd_rules_verify,
    &cmd_runs_list,
    &cmd_runs_show,
    &cmd_report,
    &cmd_card,
    &cmd_train, &cmd_eval, &cmd_predict,
    &cmd_embed,
    &cmd_tokenize,
    &cmd_serve,
    &cmd_hub_ls,
    &cmd_hub_import,
    &cmd_check,
    &cmd_select,
    &cmd_export,
    &cmd_mcp, &cmd_hook_claude, &cmd_hook_git, &help_command,
    &man_command,
    &completion_command,
    NULL,
};

static const cli_option global_options[] = {
    {"json", 0, NULL, "one JSON value on stdout, or JSON lines where the input is many; prose goes to stderr"},
    {"quiet", 'q', NULL, "no progress and no prose"},
    {"threads", 0, "N", "threads to use; default all. Results do not depend on it"},
    {"isa", 0, "NAME", "auto, ref, avx2 or avx512; default auto. Results do not depend on it"},
    {"offline", 0, NULL, "never use the network"},
    {"usage", 0, NULL, "at the end, on stderr: {seconds, peak_memory_bytes}"},
    {"help", 'h', NULL, "this text"},
    {NULL, 0, NULL, NULL},
};

static void print_options(FILE *out, const cli_option *option)
{
    for (; option && option->name; option++) {
        char left[64], letter[8] = "    ";
        if (option->letter)
            snprintf(letter, sizeof letter, "-%c, ", option->letter);
        snprintf(left, sizeof left, "%s--%s%s%s", letter, option->name, option->arg ? " " : "",
                 option->arg ? option->arg : "");
        fprintf(out, "  %-26s %s\n", left, option->help);
    }
}

static void print_usage(FILE *out)
{
    fprintf(out, "tenet %s: open models into reliable systems, from one brief\n\nusage: tenet COMMAND [options]\n\n", TN_VERSION);
    for (const cli_command *const *c = cli_commands; *c; c++)
        fprintf(out, "  %-14s %s\n", (*c)->name, (*c)->summary);
    fprintf(out, "\noptions of every command:\n");
    print_options(out, global_options);
    fprintf(out, "\nexit codes: 0 done, 1 a rule or a stated threshold says no, 2 bad input, 3 network, disk or memory,\n"
                 "4 a bug of ours, 130 interrupted and resumable\n\n`tenet COMMAND --help` tells more. First steps: README.md\n");
}

static void print_command_help(FILE *out, const cli_command *c)
{
    fprintf(out, "usage: tenet %s %s\n\n%s\n", c->name, c->args, c->summary);
    if (c->details)
        fprintf(out, "\n%s\n", c->details);
    if (c->options && c->options[0].name) {
        fprintf(out, "\noptions:\n");
        print_options(out, c->options);
    }
    fprintf(out, "\noptions of every command:\n");
    print_options(out, global_options);
}

/* The command that the first one or two of `n` words name, and how many they were; NULL when there is none. */
static const cli_command *find_command(int n, const char *const *word, int *used)
{
    char two[64];
    if (n >= 2) {
        snprintf(two, sizeof two, "%s %s", word[0], word[1]);
        for (const cli_command *const *c = cli_commands; *c; c++)
            if (strcmp((*c)->name, two) == 0) {
                *used = 2;
                return *c;
            }
    }
    for (const cli_command *const *c = cli_commands; *c; c++)
        if (strcmp((*c)->name, word[0]) == 0) {
            *used = 1;
            return *c;
        }
    return NULL;
}

/* "hook" alone is the beginning of two commands. */
static tn_status no_command(const char *name, tn_err *err)
{
    char list[256] = "";
    size_t n = strlen(name), len = 0;
    for (const cli_command *const *c = cli_commands; *c && len < sizeof list; c++)
        if (strncmp((*c)->name, name, n) == 0 && (*c)->name[n] == ' ')
            len += (size_t)snprintf(list + len, sizeof list - len, "%s%s", len ? ", " : "", (*c)->name);
    if (len)
        return tn_fail(err, TN_EINVALID, "\"%s\" wants a second word: %s", name, list);
    return tn_fail(err, TN_EINVALID, "there is no command \"%s\"; `tenet help` lists them", name);
}

static tn_status run_help(cli *c, tn_err *err)
{
    int used;
    if (c->n_args == 0) {
        print_usage(stdout);
        return TN_OK;
    }
    const cli_command *k = find_command(c->n_args, c->arg, &used);
    if (!k)
        return no_command(c->arg[0], err);
    print_command_help(stdout, k);
    return TN_OK;
}

/* roff: a leading dot or quote and every backslash and hyphen need care. */
static void print_roff(const char *text)
{
    for (bool line_start = true; *text; line_start = *text == '\n', text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
    }
    putchar('\n');
}

static void print_man_options(const cli_option *option)
{
    for (; option && option->name; option++) {
        printf(".TP\n\\fB\\-\\-%s\\fR", option->name);
        if (option->arg)
            printf(" \\fI%s\\fR", option->arg);
        putchar('\n');
        print_roff(option->help);
    }
}

static tn_status run_man(cli *c, tn_err *err)
{
    printf(".TH TENET 1 \"\" \"tenet %s\"\n.SH NAME\ntenet \\- open models into reliable systems, from one brief\n"
           ".SH SYNOPSIS\n.B tenet\n.I COMMAND\n[options]\n.SH COMMANDS\n",
           TN_VERSION);
    for (const cli_command *const *k = cli_commands; *k; k++) {
        printf(".SS \"tenet %s ", (*k)->name);
        for (const char *p = (*k)->args; *p; p++)
            putchar(*p == '"' ? '\'' : *p);
        printf("\"\n");
        print_roff((*k)->summary);
        if ((*k)->details) {
            printf(".PP\n");
            print_roff((*k)->details);
        }
        print_man_options((*k)->options);
    }
    printf(".SH OPTIONS OF EVERY COMMAND\n");
    print_man_options(global_options);
    printf(".SH SEVERAL PROCESSES\nmpirun \\-n N tenet ...: run shares training, predict its rows, with the bytes of one process\n"
           "(docs/distributed.md). TENET_RANK_PATIENCE: seconds after which a silent process is taken for dead, default 30.\n");
    printf(".SH EXIT STATUS\n0 done; 1 a rule or a stated threshold says no; 2 bad input; 3 network, disk or memory;\n"
           "4 a bug of ours; 130 interrupted and resumable.\n");
    return TN_OK;
}

static tn_status run_completion(cli *c, tn_err *err)
{
    printf("# bash completion; put `source <(tenet completion)` into ~/.bashrc\n_tenet() {\n    local words\n"
           "    case \"${COMP_WORDS[1]}\" in\n");
    for (const cli_command *const *k = cli_commands; *k; k++) {
        if (strchr((*k)->name, ' '))
            continue;
        printf("    %s) words=\"", (*k)->name);
        for (const cli_option *o = (*k)->options; o && o->name; o++)
            printf("--%s ", o->name);
        for (const cli_option *o = global_options; o->name; o++)
            printf("--%s ", o->name);
        for (const cli_command *const *s = cli_commands; *s; s++) {
            size_t n = strlen((*k)->name);
            if (strncmp((*s)->name, (*k)->name, n) == 0 && (*s)->name[n] == ' ')
                printf("%s ", (*s)->name + n + 1);
        }
        printf("\" ;;\n");
    }
    printf("    *) words=\"");
    const char *last = "";
    for (const cli_command *const *k = cli_commands; *k; k++) {
        size_t n = strcspn((*k)->name, " ");
        if (strncmp(last, (*k)->name, n) != 0 || last[n] != ' ')
            printf("%.*s ", (int)n, (*k)->name);
        last = (*k)->name;
    }
    printf("\" ;;\n    esac\n    if [ \"$COMP_CWORD\" -le 1 ] || [[ \"$2\" == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$2\"))\n    else\n"
           "        COMPREPLY=($(compgen -W \"$words\" -- \"$2\") $(compgen -f -- \"$2\"))\n    fi\n}\n"
           "complete -o filenames -F _tenet tenet\n");
    return TN_OK;
}

static const cli_command help_command = {"help", "[COMMAND]", "what the commands are, or one command's options", NULL,
                                         0, 2, NULL, run_help};
static const cli_command man_command = {"man", "", "the manual page, in roff (tenet man | man -l -)", NULL, 0, 0, NULL,
                                        run_man};
static const cli_command completion_command = {"completion", "", "shell completion for bash: source <(tenet completion)",
                                               NULL, 0, 0, NULL, run_completion};

/* "runs list" is looked up before "runs". *used tells how many words the name took. */
static const cli_option *find_option(const cli_option *table, const char *name, size_t n, int *index)
{
    for (int i = 0; table && table[i].name; i++)
        if ((n == 1 && table[i].letter == name[0] && name[-1] == '-' && name[-2] != '-') ||
            (strlen(table[i].name) == n && strncmp(table[i].name, name, n) == 0)) {
            *index = i;
            return &table[i];
        }
    return NULL;
}

static tn_status set_global(cli *c, const cli_option *o, const char *value, bool *help, tn_err *err)
{
    int64_t n;
    switch (o->name[0]) {
    case 'j': c->json = true; break;
    case 'q': c->quiet = true; break;
    case 'o': c->offline = true; break;
    case 'u': c->usage = true; break;
    case 'h': *help = true; break;
    case 't':
        if (!tn_str_to_i64(tn_str_of(value), &n) || n < 1 || n > 256)
            return tn_fail(err, TN_EINVALID, "--threads wants a number from 1 to 256, not \"%s\"", value);
        c->threads = (int)n;
        break;
    default: c->isa = value; break; /* the engine knows the names and refuses others */
    }
    return TN_OK;
}

static tn_status parse(cli *c, int argc, char **argv, bool *help, tn_err *err)
{
    bool only_args = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i];
        if (only_args || word[0] != '-' || word[1] == 0) {
            c->arg[c->n_args++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_args = true;
            continue;
        }
        bool is_long = word[1] == '-';
        /* A padded copy lets find_option look at the dashes before the name. */
        const char *name = word + (is_long ? 2 : 1);
        size_t n = strcspn(name, "=");
        int index = 0;
        char padded[80];
        snprintf(padded, sizeof padded, "%s%.*s", is_long ? "--" : " -", (int)(n < 64 ? n : 64), name);
        bool global = false;
        const cli_option *o = find_option(c->command->options, padded + 2, n, &index);
        if (!o) {
            o = find_option(global_options, padded + 2, n, &index);
            global = true;
        }
        if (!o)
            return tn_fail(err, TN_EINVALID, "tenet %s has no option %s; `tenet %s --help` lists them", c->command->name,
                           word, c->command->name);
        const char *value = "";
        if (name[n] == '=')
            value = name + n + 1;
        else if (o->arg && ++i < argc)
            value = argv[i];
        else if (o->arg)
            return tn_fail(err, TN_EINVALID, "--%s wants a value: --%s %s", o->name, o->name, o->arg);
        if (!o->arg && name[n] == '=')
            return tn_fail(err, TN_EINVALID, "--%s takes no value", o->name);
        if (global)
            TN_TRY(set_global(c, o, value, help, err));
        else
            c->value[index] = value;
    }
    return TN_OK;
}

static int finish(const cli *c, tn_status st, const tn_err *err)
{
    if (st != TN_OK && err->msg[0])
        fprintf(stderr, "tenet: %s\n", err->msg);
    if (fflush(stdout) != 0 && st == TN_OK) {
        fprintf(stderr, "tenet: cannot write to standard output\n");
        return 3;
    }
    return tn_exit_code(st);
}

/* A rank other than the first does what rank 0 asks for, whatever the command. */
static int serve_rank(const cli *c, tn_peers *peers)
{
    tn_err err = TN_ERR_INIT;
    tn_engine *engine = NULL;
    tn_status st = cli_engine(c, &engine, &err);
    if (st != TN_OK) {
        tn_peers_fail(peers, &err);
        return tn_peers_close(peers, tn_exit_code(st));
    }
    int code = tn_ranks_serve(engine, peers);
    tn_engine_free(engine);
    return code;
}

int main(int argc, char **argv)
{
    tn_err err = TN_ERR_INIT;
    cli c = {0};
    int used = 0;
    bool help = false;
    double start = tn_clock_seconds();
    tn_fp_reset();
    tn_interrupt_install();
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_usage(argc < 2 ? stderr : stdout);
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("tenet %s\nprocesses: %s\n", TN_VERSION, tn_peers_library());
        return 0;
    }
    c.command = find_command(argc - 1, (const char *const *)argv + 1, &used);
    if (!c.command)
        return finish(&c, no_command(argv[1], &err), &err);
    c.arena = tn_arena_new(0);
    c.arg = c.arena ? TN_ARENA_ARRAY(c.arena, const char *, (size_t)argc) : NULL;
    if (!c.arg)
        return finish(&c, tn_fail_nomem(&err, 64), &err);
    tn_status st = parse(&c, argc - 1 - used, argv + 1 + used, &help, &err);
    if (st == TN_OK && help) {
        print_command_help(stdout, c.command);
        return 0;
    }
    if (st == TN_OK && (c.n_args < c.command->min_args || c.n_args > c.command->max_args))
        st = tn_fail(&err, TN_EINVALID, "usage: tenet %s %s", c.command->name, c.command->args);
    c.progress.quiet = c.quiet;
    if (st == TN_OK)
        st = tn_peers_open(&c.peers, &err);
    if (tn_peers_rank(c.peers) > 0) {
        int rank_code = serve_rank(&c, c.peers);
        tn_arena_free(c.arena);
        return rank_code;
    }
    if (st == TN_OK)
        st = c.command->run(&c, &err);
    int code = finish(&c, st, &err);
    if (c.usage)
        fprintf(stderr, "{\"seconds\":%.3f,\"peak_memory_bytes\":%llu}\n", tn_clock_seconds() - start, (unsigned long long)tn_peak_memory());
    tn_arena_free(c.arena);
    return tn_peers_close(c.peers, code);
}
