"""Sets one piece of a ledger, in a process of its own that imports nothing of ours.

A long table takes a third of a megabyte a row while it is set, and the compiler keeps what it has set: the process that
asked gives all of it back by letting this one end. Reads JSON from its input and writes a PDF to its output.
"""

import json
import sys

import typst


def main() -> None:
    asked = json.load(sys.stdin)
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=asked["fonts"])
    compiler = typst.Compiler(asked["layout"], font_paths=fonts, ignore_system_fonts=True)
    ledger = json.dumps(asked["ledger"], ensure_ascii=False)
    # tags would weigh five times as much as the table; who cannot see the paper has the page and the xlsx
    pdf = compiler.compile(format="pdf", sys_inputs={"ledger": ledger}, timestamp=0, pdf_tags=False)
    assert isinstance(pdf, bytes)  # one file; only pictures come page by page
    sys.stdout.buffer.write(pdf)


if __name__ == "__main__":
    main()
