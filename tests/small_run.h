#ifndef TN_TESTS_SMALL_RUN_H
#define TN_TESTS_SMALL_RUN_H
/// A finished run of eight test rows, written by hand: for cards, report and verify. Names and texts are hostile to CSV,
/// YAML, Markdown and HTML. The baselines' predictions are the model's own.

#include "test.h"

#include "eval/record.h"
#include "record/folder.h"

#define SMALL_LABEL_A "</td><b>\"bad\""
#define SMALL_LABEL_B "a|b `c` & 'd': # e, _f_"

static inline void small_put(const tn_run_folder *f, const char *record, const char *text)
{
    tn_buf b = TN_BUF_INIT;
    tn_err err;
    tn_buf_c(&b, text);
    ASSERT_OK(tn_folder_write(f, record, &b, &err), &err);
}

/// Reads a record, to put it back after a change.
static inline const char *small_get(const tn_run_folder *f, const char *record, tn_arena *a)
{
    tn_str text;
    tn_err err;
    ASSERT_OK(tn_folder_read(f, record, a, &text, &err), &err);
    return tn_str_c(a, text);
}

static inline void small_evaluation(const tn_run_folder *f, tn_arena *a, const char *weights_sha256)
{
    static const int32_t label[] = {0, 0, 0, 1, 1, 1, 1, 0}, predicted[] = {0, 0, 1, 1, 1, 1, 0, 0};
    static const float p[] = {.9f, .1f, .8f, .2f, .4f, .6f, .1f, .9f, .2f, .8f, .3f, .7f, .6f, .4f, .7f, .3f};
    static const tn_str name[] = {TN_STR(SMALL_LABEL_A), TN_STR(SMALL_LABEL_B)};
    static const char *const who[] = {"majority", "ngram", "probe"};
    tn_outcomes o = {8, 2, label, predicted, p};
    tn_str id[8];
    tn_scores_class s;
    tn_buf b = TN_BUF_INIT, csv = TN_BUF_INIT;
    tn_json_writer w;
    tn_err err;
    for (int i = 0; i < 8; i++)
        id[i] = tn_str_format(a, "r\"%d,", i);
    tn_interval interval[TN_N_METRICS];
    ASSERT_OK(tn_classification_score(&o, a, &s, &err), &err);
    ASSERT_OK(tn_interval_all(&o, &(tn_interval_options){.n_resamples = 20}, interval, &err), &err);
    tn_jw_init(&w, &b, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "checkpoint_sha256");
    tn_jw_c(&w, weights_sha256);
    tn_jw_key(&w, "signature");
    tn_jw_begin_object(&w);
    for (int m = 0; m < TN_N_METRICS; m++) {
        tn_jw_key(&w, tn_metric_name((tn_metric_id)m));
        tn_jw_c(&w, tn_metric_signature((tn_metric_id)m));
    }
    tn_jw_end_object(&w);
    tn_jw_key(&w, "labels");
    tn_jw_begin_array(&w);
    tn_jw_str(&w, name[0]);
    tn_jw_str(&w, name[1]);
    tn_jw_end_array(&w);
    static const char *const split[] = {"test", "validation", "train"};
    for (size_t i = 0; i < TN_COUNT(split); i++) {
        tn_jw_key(&w, split[i]);
        tn_record_scores(&s, name, interval, &w);
    }
    tn_jw_key(&w, "baselines");
    tn_jw_begin_object(&w);
    for (size_t i = 0; i < TN_COUNT(who); i++) {
        tn_jw_key(&w, who[i]);
        tn_record_scores(&s, name, interval, &w);
    }
    tn_jw_end_object(&w);
    tn_jw_end_object(&w);
    ASSERT_OK(tn_folder_write(f, "eval/metrics.json", &b, &err), &err);
    ASSERT_OK(tn_record_predictions(&o, id, name, &csv, &err), &err);
    small_put(f, "eval/predictions.csv", csv.ptr);
    for (size_t i = 0; i < TN_COUNT(who); i++)
        small_put(f, tn_str_format(a, "eval/baseline-%s.csv", who[i]).ptr, csv.ptr);
    tn_buf_free(&csv);
}

/// All records but the pages (deploy/model/README.md, data/README.md, report.html), which the caller makes.
static inline void small_run(const char *dir, tn_arena *a, tn_run_folder *f)
{
    static const char *const record[][2] = {
        {"plan.yaml", "brief: {what: \"Task: sort <i>texts</i> | value: 3 # x\", why: \"a & b\", where: here, when: now, use: {value: commercial}}\n"
                      "task: {tag: {value: text-classification}, labels: {value: [\"</td><b>\\\"bad\\\"\", \"a|b `c` & 'd': # e, _f_\"]}, languages: {value: [\"vi: # x\"]}}\n"
                      "model: {rule: {value: \"the best <one>\"}}\napproach: {method: {value: fine-tune, reason: asked for}}\n"
                      "recipe: {epochs: {value: 2, origin: stated, reason: \"a|b\"}}\nassumptions: [\"x <y>\"]\n"},
        {"criteria.json", "{\"metric\":\"macro_f1\",\"op\":\">=\",\"threshold\":0.7,\"rule\":\"better\",\"signature\":\"s\"}"},
        {"findings.jsonl", "{\"rule\":\"data-fit\",\"severity\":\"warning\",\"message\":\"<m>\",\"evidence\":\"e|e\"}\n"},
        {"data/split.csv", "id,split\nr,train\n"},
        {"data/leaks.csv", "id,other_id\na,b\n"},
        {"data/pii.json", "{\"counts\":{\"email\":1},\"rows_with_any\":1}"},
        {"data/profile.json", "{\"rows\":{\"train\":20,\"validation\":4,\"test\":8,\"removed\":1},\"columns\":{\"text\":\"`t`\",\"label\":\"l\"},"
                              "\"classes\":[{\"label\":\"</td>\",\"train\":20,\"validation\":4,\"test\":8}],\"tokens\":{\"mean\":3.5,\"p95\":9,\"max\":12,\"truncated_share\":0.25}}"},
        {"data/licences.json", "{\"use\":\"commercial\",\"candidates\":[{\"verdict\":\"allowed\",\"reason\":\"r\",\"parts\":["
                               "{\"what\":\"model\",\"name\":\"org/m\",\"licence\":\"mit\",\"verdict\":\"allowed\",\"reason\":\"r\",\"obligation\":\"\"},"
                               "{\"what\":\"data\",\"name\":\"d.csv\",\"licence\":\"cc0-1.0\",\"verdict\":\"allowed\",\"reason\":\"r\",\"obligation\":\"\"}]}]}"},
        {"experiment/candidates.csv", "model,parameters,licence,fit,fertility,lossy_rate,probe_macro_f1,chosen,reason\norg/m,1000,mit,fits,1.5,0.1,0.5,yes,\"a|b, <c>\"\n"},
        {"experiment/baselines.json", "{\"baselines\":[]}"},
        {"tune/steps.jsonl", "{\"step\":1,\"loss\":1.5}\n{\"step\":2,\"loss\":0.5}\n"},
        {"tune/evals.jsonl", "{\"step\":2,\"loss\":0.7,\"macro_f1\":0.5}\n"},
        {"eval/comparisons.json", "{\"comparisons\":[{\"baseline\":\"majority\",\"metric\":\"macro_f1\",\"verdict\":\"better\",\"words\":\"better <than>\",\"mcnemar\":{\"p\":0.03},\"p_holm\":0.09}]}"},
        {"eval/slices.csv", "slice,value,n,accuracy,macro_f1\nlength,\"<1>\",20,0.5,0.4\n"},
        {"eval/errors.csv", "id,text,label,predicted,confidence\nr1,\"<script>\"\"x\"\"</script>\",a,b,0.9\n"},
        {"eval/openings.log", "2026-01-01T00:00:00Z test model S\n2026-01-01T00:00:00Z test baseline:majority -\n"
                              "2026-01-01T00:00:00Z test baseline:ngram -\n2026-01-01T00:00:00Z test baseline:probe -\n2026-01-01T00:00:00Z test model S resumed\n"},
        {"deploy/bench.json", "{\"latency\":{\"threads\":2,\"p50_ms\":1.25,\"p95_ms\":2.5,\"p99_ms\":3},\"throughput\":{\"rows_per_s\":1234.5},\"cold_start_ms\":120,"
                              "\"peak_memory_bytes\":90000000,\"size_bytes\":1000000,\"cpu\":\"c<pu>\"}"},
        {"env.json", "{\"seconds\":{\"tune\":3.5,\"total\":10},\"estimate\":{\"seconds\":9,\"bytes\":1000},\"peak_memory_bytes\":2000}"},
    };
    char sha[65], thresholds[65], plan[65], criteria[65], split[65], metrics[65];
    tn_err err;
    ASSERT_OK(tn_folder_make(dir, a, f, &err), &err);
    ASSERT_OK(tn_file_mkdirs(tn_folder_path(f, "deploy/model"), &err), &err);
    for (size_t i = 0; i < TN_COUNT(record); i++)
        small_put(f, record[i][0], record[i][1]);
    small_put(f, "deploy/model/model.safetensors", "weights");
    small_put(f, "deploy/model/thresholds.json", "{\"thresholds\":[0.5,0.25]}");
    ASSERT_OK(tn_folder_digest(f, "deploy/model/model.safetensors", sha, &err), &err);
    ASSERT_OK(tn_folder_digest(f, "deploy/model/thresholds.json", thresholds, &err), &err);
    small_evaluation(f, a, sha);
    ASSERT_OK(tn_folder_digest(f, "plan.yaml", plan, &err), &err);
    ASSERT_OK(tn_folder_digest(f, "criteria.json", criteria, &err), &err);
    ASSERT_OK(tn_folder_digest(f, "data/split.csv", split, &err), &err);
    ASSERT_OK(tn_folder_digest(f, "eval/metrics.json", metrics, &err), &err);
    small_put(f, "lock.json",
              tn_str_format(a,
                            "{\"model\":{\"id\":\"org/m\",\"revision\":\"abc\",\"source\":\"s\",\"provenance\":\"p\",\"licence\":\"mit\"},"
                            "\"data\":{\"files\":[{\"path\":\"d: #.csv\",\"size\":10,\"sha256\":\"x\"}],\"rows\":33},"
                            "\"artefact\":[{\"path\":\"deploy/model/model.safetensors\",\"size\":7,\"sha256\":\"%s\"},"
                            "{\"path\":\"deploy/model/thresholds.json\",\"size\":25,\"sha256\":\"%s\"}],\"plan_sha256\":\"%s\",\"criteria_sha256\":\"%s\","
                            "\"split_sha256\":\"%s\",\"weights_sha256\":\"%s\",\"metrics_sha256\":\"%s\"}",
                            sha, thresholds, plan, criteria, split, sha, metrics)
                  .ptr);
}

/// Every record that a page shows numbers or words of.
static const char *const small_shown[] = {"plan.yaml", "criteria.json", "findings.jsonl", "data/pii.json", "data/profile.json", "data/licences.json", "experiment/candidates.csv",
                                          "tune/steps.jsonl", "tune/evals.jsonl", "eval/metrics.json", "eval/comparisons.json", "eval/slices.csv", "eval/errors.csv",
                                          "deploy/bench.json", "env.json", "lock.json"};

#endif
