#include "commands.h"

#include "mcp_tools.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Standard output belongs to the protocol: what anything else might print goes to stderr. */
static tn_status take_stdout(int *out, tn_err *err)
{
    *out = fcntl(1, F_DUPFD_CLOEXEC, 3);
    int elsewhere = fcntl(2, F_GETFD) < 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : 2; /* some hosts give no stderr */
    if (*out < 0 || dup2(elsewhere, 1) < 0)
        return tn_fail_errno(err, "cannot take standard output");
    return TN_OK;
}

static tn_status mcp(cli *c, tn_err *err)
{
    const char *dir = cli_get(c, "root");
    mcp_project project = {.c = c};
    tn_mcp_options o;
    int out = -1;
    char *root = realpath(dir ? dir : ".", NULL);
    if (!root)
        return tn_fail_errno(err, "cannot find the project's folder %s", dir ? dir : ".");
    project.root = root;
    mcp_tools_options(&project, &o);
    tn_status st = take_stdout(&out, err);
    if (st == TN_OK)
        st = tn_mcp_serve(&o, 0, out, err);
    if (out >= 0)
        close(out);
    tn_engine_free(project.engine);
    free(root);
    return st;
}

static const cli_option options[] = {
    {"root", 0, "DIR", "the project's folder: nothing outside it is read; default the working folder"},
    CLI_HUB_OPTIONS,
    {NULL, 0, NULL, NULL},
};

const cli_command cmd_mcp = {
    "mcp", "[--root DIR]", "a server of the Model Context Protocol on standard input and output, for assistants",
    "Tools: compose, check, plan, select, licence, profile, status. Resources: rules, runs and their cards. Prompts: the\n"
    "brief's template, and a brief with its rules. Revisions 2024-11-05 to 2025-11-25 and 2026-07-28. An assistant's\n"
    "settings hold: {\"mcpServers\": {\"tenet\": {\"command\": \"tenet\", \"args\": [\"mcp\"]}}}",
    0, 0, options, mcp};
