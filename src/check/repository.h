#ifndef TN_CHECK_REPOSITORY_H
#define TN_CHECK_REPOSITORY_H
/// Facts about the folder that a source lies in: which files are there. Made once by the walk, read by every checker.

#include "check/check.h"

typedef struct {
    tn_str name;   /* path below the root, with '/' */
    uint64_t size; /* bytes */
    bool is_link;
} tn_repository_file;

struct tn_repository {
    const char *root;               /* on disk */
    tn_str shown;                   /* the root as findings name it; empty for "." */
    const tn_repository_file *file; /* [n], in byte order of the names; what the walk leaves out is not here */
    size_t n;
    bool is_project; /* it holds .git, a packaging file or a requirements file: it is somebody's repository, not a loose folder */
    bool has_git, has_package; /* .git; pyproject.toml, setup.py or setup.cfg in the root */
    bool has_evaluation, has_tests; /* a Python file or notebook named for evaluation; for tests */
    bool has_config;       /* a YAML, TOML, JSON or INI file under config(s)/, conf/, or named for parameters */
    bool has_requirements; /* requirements*.txt, pyproject.toml, setup.py, setup.cfg, environment.yml, Pipfile */
    bool has_lock;         /* uv.lock, poetry.lock, Pipfile.lock, pdm.lock, conda-lock.yml, requirements.lock */
    bool has_licence;      /* LICENSE, LICENCE or COPYING, with any ending */
};

/// Index of the file with this name, or SIZE_MAX. NULL repository: SIZE_MAX.
size_t tn_repository_find(const tn_repository *r, const char *name);
/// First file at or after index `from` whose last name ends like this (".py"); r->n when there is none.
size_t tn_repository_next(const tn_repository *r, const char *ending, size_t from);

#endif
