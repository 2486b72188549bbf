#ifndef TN_PROGRAMS_COMMANDS_H
#define TN_PROGRAMS_COMMANDS_H
/// One file a command or family, cmd_NAME.c; a command joins the program by its name here and its row in tenet.c.

#include "cli.h"

extern const cli_command cmd_run, cmd_plan, cmd_prompt, cmd_verify, cmd_reproduce, cmd_rules_list, cmd_rules_show, cmd_runs_list, cmd_runs_show, cmd_report, cmd_card, cmd_predict, cmd_embed,
    cmd_tokenize, cmd_serve, cmd_eval, cmd_train, cmd_hub_ls, cmd_hub_import;

extern const cli_command cmd_check;
extern const cli_command cmd_select;
extern const cli_command cmd_export;
extern const cli_command cmd_init, cmd_rules_emit, cmd_rules_verify;

extern const cli_command cmd_mcp;

extern const cli_command cmd_hook_claude;

extern const cli_command cmd_hook_git;

#endif
