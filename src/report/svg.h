#ifndef TN_REPORT_SVG_H
#define TN_REPORT_SVG_H
/// Small pictures as inline SVG, without script. Colours are the page's CSS classes; text is escaped.

#include "base/str.h"

/// Escapes & < > " for HTML and SVG text.
void tn_html_text(tn_buf *out, tn_str s);
/// The same for at most `max` code points, with an ellipsis when there are more.
void tn_html_short(tn_buf *out, tn_str s, size_t max);

typedef struct {
    const double *x, *y; /* [n], finite; drawn up to 1e12, larger ones as that */
    size_t n;
    const char *name;    /* legend */
    const char *css;     /* class of the line */
    bool right;          /* scaled by the right axis */
} tn_svg_line;

/// Lines over a common x, with a left and (when some line wants it) a right axis.
void tn_svg_lines(const tn_svg_line *line, size_t n, const char *x_name, const char *left_name, const char *right_name, tn_buf *out);

typedef struct {
    tn_str name;
    double value, low, high; /* low = high = NAN: no whisker */
    bool ours;
} tn_svg_bar;
/// Horizontal bars with whiskers, from 0 to 1, or as far as the values go.
void tn_svg_bars(const tn_svg_bar *bar, size_t n, tn_buf *out);

/// A confusion matrix: count [n,n], rows are true labels; each cell is shaded by its share of the row.
void tn_svg_confusion(const double *count, const tn_str *label, size_t n, tn_buf *out);

#endif
