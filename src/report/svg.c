/* Coordinates are whole or tenth pixels written by printf; pictures scale by viewBox, so sizes here are proportions. */
#include "report/svg.h"

#include <math.h>
#include <string.h>

void tn_html_text(tn_buf *out, tn_str s)
{
    for (size_t i = 0; i < s.len; i++)
        switch (s.ptr[i]) {
        case '&': tn_buf_c(out, "&amp;"); break;
        case '<': tn_buf_c(out, "&lt;"); break;
        case '>': tn_buf_c(out, "&gt;"); break;
        case '"': tn_buf_c(out, "&quot;"); break;
        default: tn_buf_char(out, s.ptr[i]);
        }
}

void tn_html_short(tn_buf *out, tn_str s, size_t max)
{
    size_t at = 0, n = 0;
    while (at < s.len && n < max) {
        tn_utf8_next(s, &at);
        n++;
    }
    tn_html_text(out, tn_str_sub(s, 0, at));
    if (at < s.len)
        tn_buf_c(out, "…");
}

typedef struct {
    double from, to, step;
} scale;

/* Records can hold any number; beyond this the differences that a scale is made of would be lost or overflow. */
static double drawable(double v)
{
    return v > 1e12 ? 1e12 : v < -1e12 ? -1e12 : v;
}

/* A range with round ends and a step of 1, 2 or 5 times a power of ten. */
static scale round_scale(double low, double high)
{
    if (!(high - low > 1e-9 * (1 + fabs(low) + fabs(high))))
        high = low + 1;
    double raw = (high - low) / 4, unit = 1;
    while (unit * 10 <= raw)
        unit *= 10;
    while (unit > raw)
        unit /= 10;
    double step = raw <= 2 * unit ? 2 * unit : raw <= 5 * unit ? 5 * unit : 10 * unit;
    return (scale){floor(low / step) * step, ceil(high / step) * step, step};
}

static scale scale_of(const tn_svg_line *line, size_t n, bool right, bool of_x)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; (of_x || line[k].right == right) && i < line[k].n; i++) {
            double v = drawable(of_x ? line[k].x[i] : line[k].y[i]);
            low = v < low ? v : low;
            high = v > high ? v : high;
        }
    if (low > high)
        return (scale){0, 1, 0.5};
    return of_x ? (scale){low, high > low ? high : low + 1, 0} : round_scale(low, high);
}

enum { W = 640, H = 260, LEFT = 52, RIGHT = 52, TOP = 30, BOTTOM = 38 };

static double place(scale s, double v, double from, double to)
{
    return from + (drawable(v) - s.from) / (s.to - s.from) * (to - from);
}

static void y_axis(scale s, bool right, tn_buf *out)
{
    int n = (int)((s.to - s.from) / s.step + 0.5);
    for (int i = 0; i <= n; i++) {
        double v = s.from + i * s.step, y = place(s, v, H - BOTTOM, TOP);
        if (!right)
            tn_buf_printf(out, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, W - RIGHT, y, y);
        tn_buf_printf(out, "<text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"%s\">%.3g</text>", right ? W - RIGHT + 6 : LEFT - 6, y + 4,
                      right ? "start" : "end", v);
    }
}

void tn_svg_lines(const tn_svg_line *line, size_t n, const char *x_name, const char *left_name, const char *right_name, tn_buf *out)
{
    scale x = scale_of(line, n, false, true), left = scale_of(line, n, false, false), right = scale_of(line, n, true, false);
    bool any_right = false;
    for (size_t k = 0; k < n; k++)
        any_right |= line[k].right;
    tn_buf_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\">", W, H);
    y_axis(left, false, out);
    if (any_right)
        y_axis(right, true, out);
    for (int i = 0; i <= 4; i++) {
        double v = x.from + (x.to - x.from) * i / 4;
        tn_buf_printf(out, "<text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.0f</text>", place(x, v, LEFT, W - RIGHT), H - BOTTOM + 16, v);
    }
    tn_buf_printf(out, "<text class=\"axis\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>", (W - RIGHT + LEFT) / 2, H - 6, x_name);
    tn_buf_printf(out, "<text class=\"axis\" x=\"%d\" y=\"14\">%s</text>", 4, left_name);
    if (any_right)
        tn_buf_printf(out, "<text class=\"axis\" x=\"%d\" y=\"14\" text-anchor=\"end\">%s</text>", W - 4, right_name);
    int legend = LEFT + 70;
    for (size_t k = 0; k < n; k++) {
        if (line[k].n == 0)
            continue;
        tn_buf_printf(out, "<polyline class=\"line %s\" points=\"", line[k].css);
        for (size_t i = 0; i < line[k].n; i++)
            tn_buf_printf(out, "%.1f,%.1f ", place(x, line[k].x[i], LEFT, W - RIGHT), place(line[k].right ? right : left, line[k].y[i], H - BOTTOM, TOP));
        tn_buf_c(out, "\"/>");
        if (line[k].n <= 30)
            for (size_t i = 0; i < line[k].n; i++)
                tn_buf_printf(out, "<circle class=\"dot %s\" r=\"3\" cx=\"%.1f\" cy=\"%.1f\"/>", line[k].css, place(x, line[k].x[i], LEFT, W - RIGHT),
                              place(line[k].right ? right : left, line[k].y[i], H - BOTTOM, TOP));
        tn_buf_printf(out, "<line class=\"line %s\" x1=\"%d\" x2=\"%d\" y1=\"10\" y2=\"10\"/><text class=\"tick\" x=\"%d\" y=\"14\">%s</text>", line[k].css, legend,
                      legend + 18, legend + 23, line[k].name);
        legend += 40 + 7 * (int)strlen(line[k].name);
    }
    tn_buf_c(out, "</svg>");
}

/* 1, 2 or 5 times a power of ten, not below v > 0. */
static double round_up(double v)
{
    double step = 1;
    while (step < v && step < 1e300)
        step *= 10;
    while (step / 10 >= v && step > 1e-300)
        step /= 10;
    return step / 5 >= v ? step / 5 : step / 2 >= v ? step / 2 : step;
}

void tn_svg_bars(const tn_svg_bar *bar, size_t n, tn_buf *out)
{
    enum { ROW = 34, NAME = 210, END = 590 };
    int height = (int)n * ROW + 26;
    double bottom = 0, top = 1;
    for (size_t k = 0; k < n; k++) {
        const double v[] = {bar[k].value, bar[k].low, bar[k].high};
        for (size_t i = 0; i < TN_COUNT(v); i++) {
            bottom = isfinite(v[i]) && v[i] < bottom ? v[i] : bottom;
            top = isfinite(v[i]) && v[i] > top ? v[i] : top;
        }
    }
    top = top > 1 ? round_up(top) : 1;
    bottom = bottom < 0 ? -round_up(-bottom) : 0;
    double scale_x = (END - NAME) / (top - bottom), zero = NAME - bottom * scale_x;
    tn_buf_printf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\">", W, height);
    for (int i = 0; i <= 5; i++) {
        double x = NAME + (END - NAME) * i / 5.0;
        tn_buf_printf(out, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%d\"/><text class=\"tick\" x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>", x, x,
                      height - 22, x, height - 6, bottom + (top - bottom) * i / 5.0);
    }
    for (size_t k = 0; k < n; k++) {
        double y = (double)k * ROW + 6, v = isfinite(bar[k].value) ? zero + bar[k].value * scale_x : zero;
        tn_buf_printf(out, "<text class=\"name\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", NAME - 8, y + 15);
        tn_html_short(out, bar[k].name, 30);
        tn_buf_printf(out, "</text><rect class=\"bar %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"22\" rx=\"3\"/>", bar[k].ours ? "ours" : "theirs", v < zero ? v : zero, y,
                      fabs(v - zero));
        double text_x = v > zero ? v : zero;
        if (isfinite(bar[k].low) && isfinite(bar[k].high)) {
            double a = zero + bar[k].low * scale_x, b = zero + bar[k].high * scale_x;
            tn_buf_printf(out, "<path class=\"whisker\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv10M%.1f %.1fv10\"/>", a, y + 11, b, a, y + 6, b, y + 6);
            text_x = b > text_x ? b : text_x;
        }
        tn_buf_printf(out, "<text class=\"value\" x=\"%.1f\" y=\"%.1f\">%.3f</text>", text_x + 6, y + 15, bar[k].value);
    }
    tn_buf_c(out, "</svg>");
}

void tn_svg_confusion(const double *count, const tn_str *label, size_t n, tn_buf *out)
{
    enum { NAME = 130 };
    double cell = n <= 4 ? 76 : n <= 8 ? 54 : n <= 20 ? 30 : 480.0 / (double)n, size = cell * (double)n;
    bool tight = n > 20; /* too small for numbers and names in every cell */
    tn_buf_printf(out, "<svg viewBox=\"0 0 %.0f %.0f\" style=\"max-width:%.0fpx\" role=\"img\">", NAME + size + 10, size + 62, NAME + size + 10);
    tn_buf_printf(out, "<text class=\"axis\" x=\"%.1f\" y=\"14\" text-anchor=\"middle\">predicted</text>", NAME + size / 2);
    tn_buf_printf(out, "<text class=\"axis\" x=\"4\" y=\"34\">true label</text>");
    for (size_t i = 0; i < n; i++) {
        double total = 0;
        for (size_t j = 0; j < n; j++)
            total += count[i * n + j];
        if (!tight) {
            tn_buf_printf(out, "<text class=\"tick\" x=\"%.1f\" y=\"34\" text-anchor=\"middle\">", NAME + cell * ((double)i + 0.5));
            tn_html_short(out, label[i], n <= 8 ? 9 : 4);
            tn_buf_printf(out, "</text><text class=\"tick\" x=\"%d\" y=\"%.1f\" text-anchor=\"end\">", NAME - 8, 42 + cell * ((double)i + 0.5) + 4);
            tn_html_short(out, label[i], 18);
            tn_buf_c(out, "</text>");
        }
        for (size_t j = 0; j < n; j++) {
            double share = total > 0 ? count[i * n + j] / total : 0, x = NAME + cell * (double)j, y = 42 + cell * (double)i;
            tn_buf_printf(out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\"/>", i == j ? "hit" : "miss", x, y, cell - 2, cell - 2,
                          0.04 + 0.96 * share);
            if (!tight)
                tn_buf_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f</text>", share > 0.55 ? "cell on" : "cell", x + cell / 2 - 1,
                              y + cell / 2 + 4, count[i * n + j]);
        }
    }
    tn_buf_c(out, "</svg>");
}
