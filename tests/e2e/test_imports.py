"""An old ledger: uploaded, a column told by hand, looked at row by row, taken in, and taken back."""

from __future__ import annotations

import csv
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

HEAD = ["序号", "排查日期", "村(社区)", "类别", "甲方", "乙方", "怎么回事", "化解结果/日期", "政治面貌"]


def test_an_old_ledger_comes_in_and_goes(sign_in, tmp_path):
    lead = sign_in("supervisor1")
    path = tmp_path / "红石村台账.csv"
    rows = [["松山镇红石村台账（2025年）"], HEAD]
    rows += [
        [
            n,
            f"3.{n}",
            "红石村",
            "草场界线",
            "马文林",
            "王世昌",
            f"第{n}回争草场",
            "已化解 2025.4.2" if n % 2 else "",
            "群众",
        ]
        for n in range(1, 7)
    ]
    rows += [["合计", "", "6件"], [8, "", "红石村", "邻里", "李国栋", "陈大勇", "墙根积水", "", ""]]
    with open(path, "w", encoding="gb18030", newline="") as file:
        csv.writer(file).writerows(rows)

    lead.go("/imports/")
    lead.look("list")
    lead.page.set_input_files("input[name=file]", str(path))
    lead.submit("上传")
    expect(lead.page.get_by_role("heading", level=1)).to_have_text("核对列")
    expect(lead.page.get_by_text("不收这些列")).to_contain_text("政治面貌")
    lead.page.locator("#id_c6 + .ts-wrapper .ts-control").click()  # what nobody could know by its name
    lead.page.locator("#id_c6-ts-dropdown [role=option]", has_text="简要情况").first.click()
    lead.look("columns")
    lead.submit("检查")

    into = lead.page.get_by_role("button", name="入库", exact=True)
    expect(into).to_be_visible(timeout=60_000)
    expect(lead.page.locator("main")).to_contain_text("文件 10 行 = 入库 6 + 退回 1 + 空行等 3")
    expect(lead.page.locator("table")).to_contain_text("没有写日期")
    lead.look("checked")
    with lead.page.expect_download() as mend:
        lead.page.get_by_role("link", name="下载退回的行").click()
    assert mend.value.suggested_filename.endswith(".xlsx")

    lead.submit("入库")
    undo = lead.page.get_by_role("button", name="整批撤销")
    expect(undo).to_be_visible(timeout=60_000)
    lead.page.get_by_role("link", name=re.compile("^已入库")).click()
    case = lead.page.locator("td a[href^='/disputes/']").first
    expect(case).to_contain_text("-L0001")
    lead.look("released")
    lead.go("/ledger/?month=2025-03")
    expect(lead.page.locator("main")).to_contain_text("620623-107-2025-L0001")
    lead.page.go_back()
    lead.submit("整批撤销")
    expect(lead.page.locator("main")).to_contain_text(re.compile("已撤销|正在撤销"))
    lead.go("/ledger/?month=2025-03")
    expect(lead.page.locator("main")).not_to_contain_text("-L0001")
