"""Milliseconds of one agreement as PDF beside bare typst on the same page, and of a dossier of thirty pages.

Run by tests.bench.run in the environment of a prepared site; prints one line of JSON.
"""

from __future__ import annotations

import io
import json
import statistics
import time
from collections.abc import Callable

import django

django.setup()

import typst  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.utils import timezone  # noqa: E402
from pypdf import PdfReader, PdfWriter  # noqa: E402

from disputes import attachments  # noqa: E402
from disputes.models import Agreement, Dispute  # noqa: E402
from disputes.papers import dossier, typeset  # noqa: E402
from disputes.papers.kinds import kinds  # noqa: E402
from disputes.papers.models import Paper, PaperTemplate, draw_up, read_case  # noqa: E402
from villages.models import DESK_ROLES, Posting, User, in_force  # noqa: E402

ROUNDS = 30
ASKED = {
    "facts": "两户草场相邻，界桩被水冲走，对约12亩草场归属有争议。", "how": "现金当面付清，在村委会交接。",
    "when": "上午九时", "place": "村委会", "record": "双方愿意丈量。", "law": "草原法第十六条",
    "result": "达成书面协议。", "filed_by": "村委会", "kept": "长期",
}  # fmt: skip


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def settled() -> tuple[Dispute, User]:
    """A case with a written agreement of people's mediation, and somebody of its desk who may print it."""
    rows = Agreement.objects.filter(result="written", track="people", dispute__protected=False, round=1)
    case = rows.filter(dispute__round=1, obligations__isnull=False).order_by("pk")[0].dispute
    post = Posting.objects.filter(in_force(), office=case.desk, role__in=DESK_ROLES, user__is_active=True)
    return case, post.order_by("pk")[0].user


def agreement(case: Dispute, by: User) -> tuple[float, float]:
    kind, used = kinds()["agreement"], PaperTemplate.objects.current("agreement")
    source = read_case(case, kind, by=by, at=timezone.now())
    ours, bare = [], []
    for number in range(ROUNDS + 1):
        asked = {**ASKED, "facts": f"{ASKED['facts']}第{number}次。"}  # typst remembers what it has set
        made: list[list[typeset.Block]] = []

        def whole(asked: dict[str, str] = asked, made: list = made) -> None:
            draft = draw_up(kind, source, asked, used=used)
            assert draft.problems == [], draft.problems
            made.append(draft.blocks)
            draft.pdf(draft=False)

        took = milliseconds(whole)
        paper = {"blocks": made[0], "title": "x", "draft": False, "numbered": True}
        inputs = {"paper": json.dumps(paper, ensure_ascii=False)}
        fonts = [str(folder) for folder in typeset.font_folders()]

        def page(inputs: dict[str, str] = inputs, fonts: list[str] = fonts) -> None:
            typst.compile(
                str(typeset.LAYOUT), font_paths=fonts, ignore_system_fonts=True, format="pdf", sys_inputs=inputs
            )

        plain = milliseconds(page)
        if number:  # the first pair only warms up
            ours.append(took)
            bare.append(plain)
    return statistics.median(ours), statistics.median(bare)


def thirty_pages(case: Dispute, by: User) -> float:
    for key in ("cover", "acceptance", "rights_notice", "session", "agreement", "back_cover"):
        Paper.objects.issue(case, kinds()[key], by=by, at=timezone.now(), asked=ASKED)
    evidence, out = PdfWriter(), io.BytesIO()
    for _n in range(22):
        evidence.add_blank_page(595, 842)
    evidence.write(out)
    file = attachments.attach(case, by, timezone.now(), ContentFile(out.getvalue(), "证据.pdf"))
    dossier.Filing.place(file, 6, by=by, at=timezone.now())
    taken = []
    for _n in range(6):
        began = time.perf_counter()
        content, _found = dossier.bind(case, by=by, at=timezone.now())
        taken.append((time.perf_counter() - began) * 1000)
    assert len(PdfReader(io.BytesIO(content)).pages) >= 30
    return statistics.median(taken[1:])


if __name__ == "__main__":
    found, person = settled()
    print(json.dumps({"agreement": agreement(found, person), "dossier": thirty_pages(found, person)}))
