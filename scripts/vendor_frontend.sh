#!/bin/sh
# Fetch the third-party browser files again, at the exact versions below, and rewrite their checksums.
#
# For maintainers only: nothing at run time or in the tests calls it. It needs npm, tar, python3 and sha256sum.
# Afterwards run the tests in tests/ui: they compare every vendored file with static/vendor/SHA256SUMS.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

fetch() { # name version folder
    mkdir -p "$tmp/$3"
    (cd "$tmp" && npm pack --silent "$1@$2" >"$3.name")
    tar xzf "$tmp/$(tail -n 1 "$tmp/$3.name")" -C "$tmp/$3" --strip-components=1
}

# A source-map comment names a file that is not shipped, and the manifest storage refuses such a reference.
put() { # source target
    mkdir -p "$(dirname "$2")"
    sed -e '/sourceMappingURL=/d' "$1" >"$2"
}

fetch bootstrap 5.3.9 bootstrap
fetch htmx.org 2.0.11 htmx
fetch tom-select 2.6.2 tom-select
fetch bootstrap-icons 1.13.2 icons
fetch axe-core 4.14.1 axe

vendor="$root/static/vendor"
rm -rf "$vendor"
put "$tmp/bootstrap/dist/css/bootstrap.min.css" "$vendor/bootstrap/bootstrap.min.css"
put "$tmp/bootstrap/dist/js/bootstrap.bundle.min.js" "$vendor/bootstrap/bootstrap.bundle.min.js"
put "$tmp/bootstrap/LICENSE" "$vendor/bootstrap/LICENSE"
put "$tmp/htmx/dist/htmx.min.js" "$vendor/htmx/htmx.min.js"
put "$tmp/htmx/LICENSE" "$vendor/htmx/LICENSE"
# Every style sheet of tom-select uses color-mix(), which Chromium 92 does not know: app.css styles .ts-* instead.
put "$tmp/tom-select/dist/js/tom-select.base.min.js" "$vendor/tom-select/tom-select.base.min.js"
put "$tmp/tom-select/LICENSE" "$vendor/tom-select/LICENSE"
put "$tmp/icons/LICENSE" "$vendor/bootstrap-icons/LICENSE"

e2e="$root/tests/e2e/vendor"
rm -rf "$e2e"
put "$tmp/axe/axe.min.js" "$e2e/axe.min.js"
put "$tmp/axe/LICENSE" "$e2e/LICENSE"
put "$tmp/axe/LICENSE-3RD-PARTY.txt" "$e2e/LICENSE-3RD-PARTY.txt"

# One sprite of the icons we use; the page refers to a symbol by its name.
python3 - "$tmp/icons/icons" "$root/static/icons.svg" <<'PY'
import pathlib, re, sys

NAMES = """
arrow-counterclockwise arrow-down-circle arrow-left-circle arrow-repeat arrow-up-circle bar-chart-line bell book
box-arrow-right building calendar3 camera chat-square-text check-circle-fill check-lg chevron-down chevron-left
chevron-right clipboard-check clock clock-history cloud-check cloud-arrow-up dash-circle diagram-3 download
exclamation-triangle-fill eye eye-slash file-earmark-excel file-text flag funnel gear geo-alt heart-pulse
hourglass-split house house-door inbox info-circle journal-plus journal-text key link-45deg list list-check lock
megaphone paperclip pause-circle pencil people person person-badge person-circle play-circle plus-circle-fill plus-lg
printer question-circle search send shield-check shield-lock signpost-split sliders star table telephone three-dots
trash upload wifi-off x-circle x-circle-fill x-lg
""".split()
source, target = map(pathlib.Path, sys.argv[1:])
symbols = []
for name in NAMES:
    body = re.search(r"<svg[^>]*>(.*)</svg>", (source / f"{name}.svg").read_text(), re.S).group(1)
    body = re.sub(r"\s*\n\s*", "", body)
    symbols.append(f'<symbol id="{name}" viewBox="0 0 16 16">{body}</symbol>')
target.write_text(
    '<svg xmlns="http://www.w3.org/2000/svg">'
    "<!-- Bootstrap Icons 1.13.2, MIT, see vendor/bootstrap-icons/LICENSE -->\n" + "\n".join(symbols) + "\n</svg>\n"
)
PY

cat >"$vendor/README.md" <<'TXT'
Third-party browser files, unchanged except that `sourceMappingURL` comments are removed. Made by
`scripts/vendor_frontend.sh`, checked against `SHA256SUMS` by `tests/ui`. Each folder holds its licence.

| folder | package | licence |
|---|---|---|
| `bootstrap/` | bootstrap 5.3.9 (the bundle contains Popper 2) | MIT |
| `htmx/` | htmx.org 2.0.11 | 0BSD |
| `tom-select/` | tom-select 2.6.2, base build without plugins | Apache-2.0 |
| `bootstrap-icons/` | bootstrap-icons 1.13.2; its symbols are in `../icons.svg` | MIT |
TXT
cat >"$e2e/README.md" <<'TXT'
`axe.min.js` is axe-core 4.14.1 (MPL-2.0, licence beside it). Only the browser tests load it; no page of the product does.
TXT
(cd "$root/static" && find vendor icons.svg -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum >"$tmp/sums")
mv "$tmp/sums" "$vendor/SHA256SUMS"
(cd "$e2e" && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum >"$tmp/sums")
mv "$tmp/sums" "$e2e/SHA256SUMS"
echo "Vendored files written. Now run the tests in tests/ui and read the differences before committing."
