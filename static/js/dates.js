// Repeats how a typed day is understood, with its weekday. The server reads the same forms and has the last word.
"use strict";
(function () {
  const LUNAR = /农历|阴历|[正冬腊]月|月初[一二三四五六七八九十]|月(十|廿|卅)/;
  const WEEK = "一二三四五六日";

  function day(year, month, date) {
    const d = new Date(year, month - 1, date);
    return d.getFullYear() === year && d.getMonth() === month - 1 && d.getDate() === date ? d : null;
  }

  // The server's day, not this computer's: its clock may be wrong or in another zone.
  function today() {
    const parts = ui.t("today").split("-").map(Number);
    return parts.length === 3 ? new Date(parts[0], parts[1] - 1, parts[2]) : new Date();
  }

  function plus(from, days) {
    return new Date(from.getFullYear(), from.getMonth(), from.getDate() + days);
  }

  function read(raw, now) {
    const text = raw
      .replace(/[\uff01-\uff5e]/g, function (c) {
        return String.fromCharCode(c.charCodeAt(0) - 0xfee0);
      })
      .replace(/[\s\u3000]/g, "")
      .replace(/[。．]/g, ".");
    const near = { 前天: -2, 昨天: -1, 今天: 0, 明天: 1, 后天: 2 };
    if (text in near) return plus(now, near[text]);
    if (text === "月底") return new Date(now.getFullYear(), now.getMonth() + 1, 0);
    let m = /^([+-])(\d{1,3})天?$/.exec(text);
    if (m) return plus(now, Number(m[1] + m[2]));
    m = /^(上|本|这|下)?个?(?:周|星期|礼拜)([一二三四五六日天])$/.exec(text);
    if (m) {
      const monday = plus(now, -((now.getDay() + 6) % 7));
      const weeks = { 上: -7, 下: 7 }[m[1]] || 0;
      return plus(monday, weeks + WEEK.indexOf(m[2] === "天" ? "日" : m[2]));
    }
    m = /^(\d{4})(\d{2})(\d{2})$/.exec(text) || /^(\d{4})[-./年](\d{1,2})[-./月](\d{1,2})日?$/.exec(text);
    if (m) return day(Number(m[1]), Number(m[2]), Number(m[3]));
    m = /^(\d{2})(\d{2})$/.exec(text) || /^(\d{1,2})[-./月](\d{1,2})[日号]?$/.exec(text);
    if (m) return day(now.getFullYear(), Number(m[1]), Number(m[2]));
    return null;
  }

  function iso(d) {
    const two = function (n) {
      return String(n).padStart(2, "0");
    };
    return d.getFullYear() + "-" + two(d.getMonth() + 1) + "-" + two(d.getDate());
  }

  ui.each("input[data-date]", function (input) {
    const echo = document.getElementById(input.id + "_echo");
    let timer = 0;

    function tell(done) {
      if (!echo) return;
      const value = input.value.trim();
      const d = value && read(value, today());
      let text = "";
      if (d) text = iso(d) + " " + ui.t("weekdays").split(" ")[d.getDay()];
      else if (LUNAR.test(value)) text = ui.t("lunar");
      else if (value && done) text = ui.t("notADay");
      if (echo.textContent !== text) echo.textContent = text;
    }

    input.addEventListener("input", function (e) {
      clearTimeout(timer);
      if (!e.isComposing) timer = setTimeout(tell, 300, false);
    });
    input.addEventListener("compositionend", function () {
      tell(false);
    });
    input.addEventListener("change", function () {
      clearTimeout(timer);
      tell(true);
    });

    const row = document.createElement("div");
    row.className = "date-row";
    input.replaceWith(row);
    const native = document.createElement("input");
    native.type = "date";
    native.className = "date-native";
    native.tabIndex = -1;
    native.setAttribute("aria-label", ui.t("pickDay"));
    native.addEventListener("change", function () {
      input.value = native.value;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      input.dispatchEvent(new Event("change", { bubbles: true }));
    });
    row.append(input, native);
    tell(false);
  });
})();
