#ifndef TN_PROGRAMS_MCP_TOOLS_H
#define TN_PROGRAMS_MCP_TOOLS_H
/// What `tenet mcp` offers: the tools compose, check, plan, select, licence, profile, status; rules, runs and cards as
/// resources; the brief's template and the composed prompt as prompts.
///
/// A client reaches the files below the root and no others, links included; models are named by id. Nothing is written
/// but temporary records, and those are removed.

#include "cli.h"
#include "serve/mcp.h"

typedef struct {
    const cli *c;
    const char *root; /* the project's folder, absolute, no links in it */
    tn_engine *engine; /* made when first needed */
} mcp_project;

/// The tables, with `project` as their self. *out borrows it.
void mcp_tools_options(mcp_project *project, tn_mcp_options *out);

#endif
