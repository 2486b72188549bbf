/* A project's words, whatever they are: tenet.yaml and a rule's file are read or refused with a sentence. */
#include "fuzz.h"

#include "rules/rule_file.h"

TN_FUZZ(rules, bytes)
{
    tn_err err = TN_ERR_INIT;
    tn_arena *a = tn_arena_new(0);
    tn_str text = tn_str_from_bytes(bytes);
    tn_settings settings;
    tn_rule_file file;
    tn_status st = tn_settings_parse(text, TN_STR("2026-11-24"), a, &settings, &err);
    TN_ASSERT(st == TN_OK || err.msg[0]);
    err = TN_ERR_INIT;
    tn_status read = tn_rule_file_parse(text, TN_STR("house-name"), a, &file, &err);
    TN_ASSERT(read == TN_OK || err.msg[0]);
    if (read == TN_OK)
        TN_ASSERT(tn_rule_name_is_valid(file.rule.id) && file.rule.statement.len < text.len);
    tn_arena_free(a);
    return st == TN_OK ? st : read;
}
