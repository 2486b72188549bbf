/* Promises of check/shell.h: command lines, and what they are certain to do. In the working folder stand train.py, bad name.py,
 * nb.ipynb, pkg/mod.py, sub/train.py. */
#include "test.h"

#include "check/shell.h"

static const struct {
    const char *line, *wanted; /* "run FILE", "commit DIR", "push DIR", joined by "; " */
} rows[] = {
    {"python train.py", "run train.py"},
    {"python3.11 -u -W ignore train.py --lr 1e-5", "run train.py"},
    {"/usr/bin/python3 ./train.py", "run ./train.py"},
    {"CUDA_VISIBLE_DEVICES=0 SEED=1 nohup python train.py > log.txt 2>&1 &", "run train.py"},
    {"python 'bad name.py'", "run bad name.py"},
    {"python \"bad name.py\"", "run bad name.py"},
    {"python bad\\ name.py", "run bad name.py"},
    {"python -m pkg.mod", "run pkg/mod.py"},
    {"python -m pip install x", ""},
    {"python -m torch.distributed.run --nproc_per_node 2 train.py", "run train.py"},
    {"accelerate launch --num_processes 2 train.py", "run train.py"},
    {"torchrun --nproc_per_node=2 train.py --epochs 3", "run train.py"},
    {"uv run python train.py", "run train.py"},
    {"poetry run train.py", "run train.py"},
    {"papermill nb.ipynb out.ipynb", "run nb.ipynb"},
    {"jupyter nbconvert --to notebook --execute nb.ipynb", "run nb.ipynb"},
    {"jupyter nbconvert --to html nb.ipynb", ""},
    {"cd sub && python train.py", "run sub/train.py"},
    {"cd sub; cd ..; python train.py", "run sub/../train.py"},
    {"pip install -r r.txt && python train.py; echo done", "run train.py"},
    {"true | python train.py", "run train.py"},
    {"if true; then python train.py; fi", "run train.py"},
    {"python train.py # and python pkg/mod.py", "run train.py"},
    {"python \\\n  train.py", "run train.py"},
    {"./train.py", "run ./train.py"},
    /* what is not certain */
    {"python $SCRIPT", ""},
    {"python *.py", ""},
    {"python ~/train.py", ""},
    {"python $(ls *.py)", ""},
    {"echo `date`; python train.py", ""},
    {"python -c 'import train'", ""},
    {"python -c 'x' train.py", ""},
    {"python nothing.py", ""},
    {"echo python train.py", ""},
    {"grep -n seed train.py", ""},
    {"cat train.py", ""},
    {"cat > x.py <<EOF\npython train.py\nEOF\n", ""},
    {"cd nowhere && python train.py", ""},
    {"cd $D && python train.py", ""},
    {"(cd sub; ls); python train.py", ""},
    {"echo 'python train.py", ""},
    {"echo \"python train.py\"", ""},
    {"pythonista train.py", ""},
    {"python", ""},
    {"", ""},
    {";;&&||", ""},
    {"2>", ""},
    {"<", ""},
    {"git commit -m x", ""},
    {"git commit --no-verify -m x", "commit ."},
    {"git commit -nm x", "commit ."},
    {"git commit -an -m x", "commit ."},
    {"git commit -mn", ""},
    {"git commit -m -n", ""},
    {"git commit -m '--no-verify'", ""},
    {"git commit --message --no-verify", ""},
    {"git commit -- -n", ""},
    {"git -C sub commit --no-verif", "commit ./sub"},
    {"git -c core.hooksPath=/dev/null commit -m x", "commit ."},
    {"git -c CORE.hookspath= push", "push ."},
    {"git add . && git commit -m 'a; b' --no-verify && git push --no-verify", "commit .; push ."},
    {"git push -n", ""},
    {"git push --no-verbose", ""},
    {"git log -n 3", ""},
};

static void lines_do_what_is_certain(void **state)
{
    static const char *const verb[] = {"run", "commit", "push"};
    for (size_t i = 0; i < TN_COUNT(rows); i++) {
        tn_err err;
        tn_arena *a = tn_arena_new(0);
        tn_shell_actions actions;
        tn_buf b = TN_BUF_INIT;
        ASSERT_OK(tn_shell_read(tn_str_of(rows[i].line), ".", a, &actions, &err), &err);
        for (size_t k = 0; k < actions.n; k++) {
            const char *path = actions.at[k].path;
            bool whole = actions.at[k].what != TN_SHELL_RUNS || strncmp(path, "./", 2) != 0;
            tn_buf_printf(&b, "%s%s %s", b.len ? "; " : "", verb[actions.at[k].what], whole ? path : path + 2);
        }
        if (!tn_str_is(tn_buf_view(&b), rows[i].wanted))
            fail_msg("%s: got \"%s\", wanted \"%s\"", rows[i].line, b.ptr ? b.ptr : "", rows[i].wanted);
        tn_buf_free(&b);
        tn_arena_free(a);
    }
}

static void hostile_lines_end(void **state)
{
    static const char piece[] = "python -m a.b;'\"\\$(`){}<>&|# \n\0git commit -n cd ..";
    tn_err err;
    for (unsigned seed = 1; seed < 3000; seed++) {
        char line[200];
        unsigned x = seed * 2654435761u;
        for (size_t i = 0; i < sizeof line; i++, x = x * 1664525u + 1013904223u)
            line[i] = (x >> 24) % 3 ? piece[i % sizeof piece] : piece[(x >> 16) % sizeof piece];
        tn_arena *a = tn_arena_new(0);
        tn_shell_actions actions;
        ASSERT_OK(tn_shell_read((tn_str){line, seed % sizeof line}, ".", a, &actions, &err), &err);
        tn_arena_free(a);
    }
}

int main(void)
{
    static const char *const file[] = {"train.py", "bad name.py", "nb.ipynb", "pkg/mod.py", "sub/train.py"};
    enter_temp_folder();
    if (tn_file_mkdirs("pkg", NULL) != TN_OK || tn_file_mkdirs("sub", NULL) != TN_OK)
        return 1;
    for (size_t i = 0; i < TN_COUNT(file); i++)
        if (tn_file_write(file[i], TN_BYTES("x"), NULL) != TN_OK)
            return 1;
    const struct CMUnitTest test[] = {cmocka_unit_test(lines_do_what_is_certain), cmocka_unit_test(hostile_lines_end)};
    return cmocka_run_group_tests(test, NULL, NULL);
}
