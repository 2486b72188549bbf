/* One walk over the bytes. At each place where a value can begin (the byte before is no letter or digit) the detectors
 * are asked in turn; the first that accepts takes its span, and the walk goes on behind it.
 *
 * Invariant of precision: a detector accepts only what has structure of its own (a checksum, a range in use) *and*
 * stands free: no code glued before or behind it, no currency behind it, no word for "order" or "serial number" before
 * it. Numbers are read as groups of digits with one separator between them ("0912 345 678"), and a value is a prefix of
 * those groups, so that "2 0912345678" is found at its second group. */
#include "data/pii.h"

#include "codec/json.h"

#include <string.h>

const char *tn_pii_name(tn_pii_kind k)
{
    static const char *const name[TN_N_PII] = {"email", "phone", "card", "iban", "national_vn", "ip"};
    return k >= 0 && k < TN_N_PII ? name[k] : "?";
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_letter(c);
}

static char at(tn_str s, size_t i)
{
    return i < s.len ? s.ptr[i] : 0;
}

static char lower(char c)
{
    return is_upper(c) ? (char)(c + 32) : c;
}

static bool starts_at(tn_str s, size_t i, const char *word)
{
    for (; *word; word++, i++)
        if (lower(at(s, i)) != *word)
            return false;
    return true;
}

/* One of `words` occurs in the 28 bytes before `i`: "Mã đơn: ", "order no. " and the like. */
static bool follows_word(tn_str s, size_t i, const char *const *words, size_t n_words)
{
    size_t from = i > 28 ? i - 28 : 0;
    for (size_t k = from; k < i; k++) {
        if (k > 0 && is_alnum(s.ptr[k - 1]))
            continue;
        for (size_t w = 0; w < n_words; w++)
            if (starts_at(s, k, words[w]) && k + strlen(words[w]) <= i)
                return true;
    }
    return false;
}

static bool follows_code_word(tn_str s, size_t i)
{
    static const char *const words[] = {
        "order",  "invoice", "tracking", "serial", "imei",   "sku",      "code",    "ref",
        "ticket", "isbn",    "barcode",  "s/n",    "id ",    "id:",      "no.",     "mã ",
        "mã:",    "Mã ",     "đơn",      "Đơn",    "ma don", "don hang", "hóa đơn", "vận đơn",
    };
    /* A national id is often announced by "mã định danh"; a phone by "mã vùng": those stay. */
    static const char *const allowed[] = {"mã định danh", "mã vùng", "id card", "id number", "national id"};
    return follows_word(s, i, words, TN_COUNT(words)) && !follows_word(s, i, allowed, TN_COUNT(allowed));
}

/* "… 912345678 đ", "…vnd", "…k", "…%": an amount. */
static bool amount_behind(tn_str s, size_t i)
{
    static const char *const unit[] = {"đ", "Đ", "₫", "€", "vnd", "vnđ", "usd", "eur", "$", "%", "k ", "tri", "ngàn"};
    if (at(s, i) == ' ')
        i++;
    for (size_t k = 0; k < TN_COUNT(unit); k++)
        if (starts_at(s, i, unit[k]))
            return true;
    return false;
}

/* ---- e-mail ---- */

static bool is_local(char c)
{
    return is_alnum(c) || (c != 0 && strchr("._%+-", c));
}

static bool match_email(tn_str s, size_t i, size_t *to)
{
    if (i > 0 && (is_local(s.ptr[i - 1]) || (s.ptr[i - 1] & 0x80)))
        return false;
    size_t j = i;
    while (j < s.len && is_local(s.ptr[j]))
        j++;
    if (at(s, j) != '@' || j == i || j - i > 64 || s.ptr[i] == '.' || s.ptr[j - 1] == '.')
        return false;
    size_t end = 0, label = ++j, n_dots = 0;
    for (;; j++) {
        char c = at(s, j);
        if (is_alnum(c) || (c == '-' && j > label))
            continue;
        if (j == label || s.ptr[j - 1] == '-')
            break;
        bool letters = j - label >= 2;
        for (size_t k = label; k < j; k++)
            letters = letters && is_letter(s.ptr[k]);
        if (n_dots > 0)
            end = letters ? j : 0;
        if (c != '.')
            break;
        n_dots++;
        label = j + 1;
    }
    if (end == 0 || end - i > 254)
        return false;
    /* icon@2x.png is a file */
    static const char *const file[] = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg"};
    for (size_t k = 0; k < TN_COUNT(file); k++)
        if (end - i > strlen(file[k]) && starts_at(s, end - strlen(file[k]), file[k]))
            return false;
    *to = end;
    return true;
}

/* ---- IBAN ---- */

static bool match_iban(tn_str s, size_t i, size_t *to)
{
    /* SWIFT IBAN registry: country and length */
    static const char country[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29ES24FI18FO18FR27GB22GE22GI23GL"
        "18"
        "GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21MC27MD24ME22MK19MR27MT31MU30NL18NO15PK"
        "24"
        "PL28PS29PT25QA29RO24RS22SA24SC31SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";
    if (!is_upper(at(s, i)) || !is_upper(at(s, i + 1)) || !is_digit(at(s, i + 2)) || !is_digit(at(s, i + 3)))
        return false;
    size_t len = 0;
    for (const char *c = country; *c && !len; c += 4)
        if (c[0] == s.ptr[i] && c[1] == s.ptr[i + 1])
            len = (size_t)(c[2] - '0') * 10 + (size_t)(c[3] - '0');
    if (!len)
        return false;
    char value[34];
    size_t n = 0, j = i;
    for (; n < len; j++) {
        char c = at(s, j);
        if (c == ' ' && n > 0 && n % 4 == 0 && is_alnum(at(s, j + 1)))
            continue;
        if (!is_digit(c) && !is_upper(c))
            return false;
        value[n++] = c;
    }
    if (is_alnum(at(s, j)))
        return false;
    unsigned rest = 0;
    for (size_t k = 0; k < len; k++) {
        char c = value[(k + 4) % len];
        rest = is_digit(c) ? (rest * 10 + (unsigned)(c - '0')) % 97 : (rest * 100 + (unsigned)(c - 'A' + 10)) % 97;
    }
    *to = j;
    return rest == 1;
}

/* ---- IP ---- */

/* Reads a.b.c.d at i; value[4]. */
static bool read_quad(tn_str s, size_t i, unsigned value[4], size_t *to)
{
    for (int k = 0; k < 4; k++) {
        if (k > 0 && at(s, i++) != '.')
            return false;
        size_t from = i;
        value[k] = 0;
        while (is_digit(at(s, i)) && i - from < 3)
            value[k] = value[k] * 10 + (unsigned)(s.ptr[i++] - '0');
        if (i == from || value[k] > 255 || (s.ptr[from] == '0' && i - from > 1))
            return false;
    }
    *to = i;
    return true;
}

static bool match_ipv4(tn_str s, size_t i, size_t *to)
{
    static const char *const version[] = {"version", "ver", "v.",      "phiên bản", "firmware", "build",
                                          "release", "ios", "android", "section",   "mục"};
    unsigned q[4];
    if ((i > 0 && strchr(".-_/:", s.ptr[i - 1]) && !(i > 2 && s.ptr[i - 1] == '/' && s.ptr[i - 2] == '/') &&
         !(s.ptr[i - 1] == ':' && i > 1 && !is_digit(s.ptr[i - 2]))) ||
        !read_quad(s, i, q, to))
        return false;
    char c = at(s, *to);
    if (is_alnum(c) || c == '_' || (c == '.' && is_digit(at(s, *to + 1))) || (c == '-' && is_alnum(at(s, *to + 1))))
        return false;
    if (q[0] == 0 || q[0] == 127 || q[0] == 255 || (q[0] < 10 && q[1] < 10 && q[2] < 10 && q[3] < 10))
        return false;
    return !follows_word(s, i, version, TN_COUNT(version));
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool match_ipv6(tn_str s, size_t i, size_t *to)
{
    if (!is_hex(at(s, i)) || (i > 0 && s.ptr[i - 1] == ':'))
        return false;
    size_t j = i, n_groups = 0;
    bool gap = false, digit = false;
    for (;;) {
        size_t from = j;
        while (is_hex(at(s, j)) && j - from < 5) {
            digit = digit || is_digit(s.ptr[j]);
            j++;
        }
        if (j - from > 4)
            return false;
        if (j > from)
            n_groups++;
        else if (!gap)
            return false;
        if (at(s, j) != ':')
            break;
        if (at(s, j + 1) == ':') {
            if (gap)
                return false;
            gap = true;
            j += 2;
            if (!is_hex(at(s, j)))
                break;
        } else if (is_hex(at(s, j + 1))) {
            j++;
        } else {
            break; /* a sentence's own colon */
        }
        if (n_groups == 8)
            return false;
    }
    if (is_alnum(at(s, j)) || at(s, j) == '_' || !digit)
        return false;
    *to = j;
    return gap ? n_groups >= 3 && n_groups < 8 : n_groups == 8;
}

/* ---- numbers in groups ---- */

enum { MAX_GROUPS = 8, MAX_DIGITS = 24 };
typedef struct {
    char digit[MAX_DIGITS];
    size_t n_groups;
    size_t len[MAX_GROUPS];  /* digits in the group */
    size_t sum[MAX_GROUPS];  /* digits up to and with the group */
    size_t end[MAX_GROUPS];  /* byte behind it */
    char before[MAX_GROUPS]; /* separator in front of it; '(' beside brackets, 0 for the first */
    bool plus;
} number;

static void read_number(tn_str s, size_t i, number *n)
{
    *n = (number){.plus = at(s, i) == '+'};
    i += n->plus;
    size_t n_digits = 0;
    char before = 0;
    while (n->n_groups < MAX_GROUPS) {
        bool paren = at(s, i) == '(' && is_digit(at(s, i + 1));
        size_t from = i + paren, j = from;
        while (is_digit(at(s, j)))
            j++;
        if (j == from || n_digits + (j - from) > MAX_DIGITS || (paren && at(s, j) != ')'))
            return;
        /* "+84 (0) 912…": the zero is for those who dial at home */
        bool skip = paren && n->plus && j - from == 1 && s.ptr[from] == '0';
        if (!skip) {
            memcpy(n->digit + n_digits, s.ptr + from, j - from);
            n_digits += j - from;
            n->len[n->n_groups] = j - from;
            n->sum[n->n_groups] = n_digits;
            n->end[n->n_groups] = j + paren;
            n->before[n->n_groups] = n->n_groups == 0 ? 0 : paren ? '(' : before;
            n->n_groups++;
        }
        i = j + paren;
        char c = at(s, i);
        before = paren ? '(' : c;
        if (c == ' ' || c == '.' || c == '-')
            i++;
        else if (!paren)
            return;
        if (!is_digit(at(s, i)) && at(s, i) != '(')
            return;
    }
}

/* A value may end behind group k: nothing that would continue a code or make an amount. */
static bool ends_free(tn_str s, const number *n, size_t k)
{
    size_t i = n->end[k];
    char c = at(s, i), next = at(s, i + 1);
    if (k + 1 < n->n_groups && n->before[k + 1] != ' ')
        return false;
    if (is_alnum(c) || c == '_' || ((c == '-' || c == '/' || c == '.' || c == ',') && is_alnum(next)))
        return false;
    return !amount_behind(s, i);
}

static bool starts_free(tn_str s, size_t i)
{
    if (i == 0)
        return true;
    char c = s.ptr[i - 1];
    if (is_alnum(c) || strchr("#/_=-+@$", c))
        return false;
    return !((c == '.' || c == ',') && i > 1 && is_digit(s.ptr[i - 2]));
}

static bool same_separators(const number *n, size_t k)
{
    char one = 0;
    for (size_t g = 1; g <= k; g++) {
        if (n->before[g] == '(')
            continue; /* brackets separate by themselves */
        if (one && n->before[g] != one)
            return false;
        one = n->before[g];
    }
    return true;
}

static bool all_zero_tail(const number *n, size_t n_digits, size_t tail)
{
    for (size_t i = n_digits - tail; i < n_digits; i++)
        if (n->digit[i] != '0')
            return false;
    return true;
}

static int two(const char *d)
{
    return (d[0] - '0') * 10 + d[1] - '0';
}

/* The old id of nine digits has no structure: it counts only behind its name. */
static bool is_old_national_vn(tn_str s, size_t i, const number *n)
{
    static const char *const words[] = {"cmt", "cmnd", "chứng minh"};
    return !n->plus && n->sum[0] == 9 && follows_word(s, i, words, TN_COUNT(words));
}

static bool is_national_vn(const number *n, size_t k)
{
    /* Province codes in use */
    static const uint8_t province[] = {1,  2,  4,  6,  8,  10, 11, 12, 14, 15, 17, 19, 20, 22, 24, 25,
                                       26, 27, 30, 31, 33, 34, 35, 36, 37, 38, 40, 42, 44, 45, 46, 48,
                                       49, 51, 52, 54, 56, 58, 60, 62, 64, 66, 67, 68, 70, 72, 74, 75,
                                       77, 79, 80, 82, 83, 84, 86, 87, 89, 91, 92, 93, 94, 95, 96};
    if (k != 0 || n->plus || n->sum[0] != 12 || n->digit[0] != '0' || all_zero_tail(n, 12, 5))
        return false;
    if (!memchr(province, two(n->digit + 1), sizeof province))
        return false;
    /* Sex and century: 0, 1 for 1900-1999, 2, 3 for 2000-2099. Born before 1920 or after 2035: not a person we meet. */
    int century = n->digit[3] - '0', year = two(n->digit + 4);
    return century <= 1 ? year >= 20 : century <= 3 && year <= 35;
}

static bool luhn(const char *digit, size_t n)
{
    unsigned sum = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned d = (unsigned)(digit[n - 1 - i] - '0');
        if (i % 2 == 1)
            d = d * 2 > 9 ? d * 2 - 9 : d * 2;
        sum += d;
    }
    return sum % 10 == 0;
}

static bool is_card(const number *n, size_t k)
{
    size_t len = n->sum[k];
    if (n->plus || len < 13 || len > 19 || !same_separators(n, k) || all_zero_tail(n, len, 6))
        return false;
    /* Written whole or in fours (American Express 4-6-5) */
    if (k > 0) {
        bool fours = true, amex = k == 2 && n->len[0] == 4 && n->len[1] == 6 && n->len[2] == 5;
        for (size_t g = 0; g <= k; g++)
            fours = fours && (n->len[g] == 4 || (g == k && n->len[g] <= 4));
        if (!fours && !amex)
            return false;
    }
    int p2 = two(n->digit), p4 = p2 * 100 + two(n->digit + 2);
    bool issuer = (n->digit[0] == '4' && (len == 13 || len == 16 || len == 19)) ||         /* Visa */
                  (len == 16 && ((p2 >= 51 && p2 <= 55) || (p4 >= 2221 && p4 <= 2720))) || /* Mastercard */
                  (len == 15 && (p2 == 34 || p2 == 37)) ||                                 /* American Express */
                  (len == 16 && (p4 == 6011 || p2 == 65 || (p4 >= 3528 && p4 <= 3589))) || /* Discover, JCB */
                  (len == 14 && (p2 == 36 || p2 == 38 || (p4 >= 3000 && p4 <= 3059))) ||   /* Diners */
                  (len >= 16 && p2 == 62) ||                                               /* UnionPay */
                  ((len == 16 || len == 19) && p4 == 9704);                                /* Napas, Vietnam */
    return issuer && luhn(n->digit, len);
}

/* Country codes of E.164 that are in use: one digit, two digits, else three. */
static bool has_country_code(const char *d)
{
    static const uint8_t two_digit[] = {20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46,
                                        47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 63,
                                        64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98};
    static const uint8_t tens[] = {21, 22, 23, 24, 25, 26, 29, 35, 37, 38, 42,
                                   50, 59, 67, 68, 69, 85, 87, 88, 96, 97, 99};
    if (d[0] == '1' || d[0] == '7')
        return true;
    return memchr(two_digit, two(d), sizeof two_digit) || memchr(tens, two(d), sizeof tens);
}

static bool is_phone(const number *n, size_t k)
{
    size_t len = n->sum[k];
    const char *d = n->digit;
    if (len < 8 || len > 15 || !same_separators(n, k) || k > 5 || all_zero_tail(n, len, 5))
        return false;
    for (size_t g = 1; g <= k; g++)
        if (n->len[g] < 2)
            return false;
    bool double_zero = !n->plus && d[0] == '0' && d[1] == '0' && d[2] == '8' && d[3] == '4'; /* 0084 */
    if (n->plus || double_zero) {
        d += double_zero ? 2 : 0;
        len -= double_zero ? 2 : 0;
        if (d[0] == '0' || !has_country_code(d))
            return false;
        if (d[0] == '8' && d[1] == '4')
            return (len == 11 && strchr("35789", d[2])) || (len == 12 && d[2] == '2');
        if (d[0] == '1')
            return len == 11 && d[1] >= '2' && d[4] >= '2';
        return len >= 10;
    }
    if (d[0] != '0' || n->len[0] < 2)
        return false;
    if (len == 10 && strchr("35789", d[1])) {
        if (n->len[0] > 5 && k > 0)
            return false;
        /* "09 12 34 56 78", but no date with something behind it */
        for (size_t g = 0; g <= k; g++)
            if (n->len[0] == 2 && n->len[g] != 2)
                return false;
        return true;
    }
    /* Land line: 024, 028 or 02xx, then the subscriber */
    return len == 11 && d[1] == '2' && (k == 0 || n->len[0] == 3 || n->len[0] == 4);
}

static bool match_number(tn_str s, size_t i, tn_pii_kind *kind, size_t *to)
{
    if (!starts_free(s, i))
        return false;
    number n;
    read_number(s, i, &n);
    for (size_t k = n.n_groups; k-- > 0;) {
        tn_pii_kind found = is_national_vn(&n, k) || (k == 0 && is_old_national_vn(s, i, &n)) ? TN_PII_NATIONAL_VN
                            : is_card(&n, k)                                                  ? TN_PII_CARD
                            : is_phone(&n, k)                                                 ? TN_PII_PHONE
                                                                                              : TN_N_PII;
        if (found == TN_N_PII || !ends_free(s, &n, k) || follows_code_word(s, i))
            continue;
        *kind = found;
        *to = n.end[k];
        return true;
    }
    return false;
}

bool tn_pii_next(tn_str text, size_t *position, tn_pii_kind *kind, size_t *from, size_t *to)
{
    for (size_t i = *position; i < text.len; i++) {
        char c = text.ptr[i];
        if (i > 0 && is_alnum(text.ptr[i - 1]) && c != '(')
            continue;
        bool found = false;
        if (is_local(c) && match_email(text, i, to))
            *kind = TN_PII_EMAIL, found = true;
        else if (is_upper(c) && match_iban(text, i, to))
            *kind = TN_PII_IBAN, found = true;
        else if (is_hex(c) && match_ipv6(text, i, to))
            *kind = TN_PII_IP, found = true;
        else if (is_digit(c) && match_ipv4(text, i, to))
            *kind = TN_PII_IP, found = true;
        else if (is_digit(c) || ((c == '+' || c == '(') && is_digit(at(text, i + 1))))
            found = match_number(text, i, kind, to);
        if (found) {
            *from = i;
            *position = *to;
            return true;
        }
    }
    *position = text.len;
    return false;
}

void tn_pii_count(tn_str text, tn_pii *p)
{
    size_t position = 0, from, to;
    tn_pii_kind kind;
    while (tn_pii_next(text, &position, &kind, &from, &to))
        p->count[kind]++;
}

static size_t total(const tn_pii *p)
{
    size_t n = 0;
    for (int k = 0; k < TN_N_PII; k++)
        n += p->count[k];
    return n;
}

void tn_pii_scan(const tn_dataset *d, tn_pii *out)
{
    *out = (tn_pii){0};
    for (size_t r = 0; r < d->n_rows; r++) {
        size_t before = total(out);
        tn_pii_count(d->row[r].text, out);
        if (d->row[r].pair.ptr)
            tn_pii_count(d->row[r].pair, out);
        for (size_t c = 0; c < d->n_other; c++)
            tn_pii_count(d->row[r].other[c], out);
        out->rows_with_any += total(out) > before;
    }
}

tn_status tn_pii_report(const tn_pii *p, bool regulated, tn_findings *findings, tn_err *err)
{
    if (p->rows_with_any == 0)
        return TN_OK;
    tn_buf evidence = TN_BUF_INIT;
    for (int k = 0; k < TN_N_PII; k++)
        if (p->count[k])
            tn_buf_printf(&evidence, "%s%s %zu", evidence.len ? ", " : "", tn_pii_name((tn_pii_kind)k), p->count[k]);
    tn_buf message = TN_BUF_INIT;
    tn_buf_printf(&message, "%zu row%s of the data hold personal data", p->rows_with_any,
                  p->rows_with_any == 1 ? "" : "s");
    tn_status st = tn_buf_status(&evidence, err);
    if (st == TN_OK)
        st = tn_buf_status(&message, err);
    if (st == TN_OK)
        st = tn_findings_add(findings,
                             (tn_finding){.rule = "govern-pii",
                                          .severity = regulated ? TN_ERROR : TN_WARNING,
                                          .message = tn_buf_view(&message),
                                          .evidence = tn_buf_view(&evidence),
                                          .remedy = TN_STR("remove or replace the values before training; a model can "
                                                           "repeat what it has read")},
                             err);
    tn_buf_free(&evidence);
    tn_buf_free(&message);
    return st;
}

tn_status tn_pii_redact(tn_str text, tn_buf *out, tn_err *err)
{
    size_t position = 0, done = 0, from, to;
    tn_pii_kind kind;
    while (tn_pii_next(text, &position, &kind, &from, &to)) {
        tn_buf_put(out, text.ptr + done, from - done);
        tn_buf_printf(out, "[%s]", tn_pii_name(kind));
        done = to;
    }
    tn_buf_put(out, text.ptr + done, text.len - done);
    return tn_buf_status(out, err);
}

tn_status tn_pii_write_json(const tn_pii *p, tn_buf *out, tn_err *err)
{
    tn_json_writer w;
    tn_jw_init(&w, out, 2);
    tn_jw_begin_object(&w);
    tn_jw_key(&w, "counts");
    tn_jw_begin_object(&w);
    for (int k = 0; k < TN_N_PII; k++) {
        tn_jw_key(&w, tn_pii_name((tn_pii_kind)k));
        tn_jw_u64(&w, p->count[k]);
    }
    tn_jw_end_object(&w);
    tn_jw_key(&w, "rows_with_any");
    tn_jw_u64(&w, p->rows_with_any);
    tn_jw_end_object(&w);
    tn_buf_char(out, '\n');
    return tn_buf_status(out, err);
}
