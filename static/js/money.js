// Repeats how a typed amount is understood, in figures and in capital figures (config/templatetags/ui.py has the same).
"use strict";
(function () {
  const DIGITS = "零壹贰叁肆伍陆柒捌玖";
  const UNITS = ["", "拾", "佰", "仟"];
  const SECTIONS = ["", "万", "亿"];

  function read(raw) {
    const text = raw
      .replace(/[\uff01-\uff5e]/g, function (c) {
        return String.fromCharCode(c.charCodeAt(0) - 0xfee0);
      })
      .replace(/[\s\u3000,¥￥]/g, "")
      .replace(/。/g, ".");
    const m = /^(\d{1,12}(?:\.\d{1,6})?)(千|万|亿)?(?:元|块|圆)?整?$/.exec(text);
    if (!m) return null;
    const fen = Math.round(Number(m[1]) * ({ 千: 1e3, 万: 1e4, 亿: 1e8 }[m[2]] || 1) * 100);
    return fen < 1e14 ? fen : null;
  }

  function group(number, units) {
    let out = "";
    let gap = false;
    for (let i = 3; i >= 0; i--) {
      const digit = Math.floor(number / Math.pow(10, i)) % 10;
      if (digit === 0) {
        gap = gap || out !== "";
        continue;
      }
      out += (gap ? "零" : "") + DIGITS[digit] + units[i];
      gap = false;
    }
    return out;
  }

  function capital(fen) {
    const whole = Math.floor(fen / 100);
    let out = "";
    let gap = false;
    for (let i = 2; i >= 0; i--) {
      const part = Math.floor(whole / Math.pow(10000, i)) % 10000;
      if (part === 0) {
        gap = gap || out !== "";
        continue;
      }
      out += (out && (gap || part < 1000) ? "零" : "") + group(part, UNITS) + SECTIONS[i];
      gap = false;
    }
    const jiao = Math.floor(fen / 10) % 10;
    const last = fen % 10;
    if (whole || fen === 0) out = (out || "零") + "元";
    if (jiao) out += DIGITS[jiao] + "角";
    if (last) out += (whole && !jiao ? "零" : "") + DIGITS[last] + "分";
    else out += "整";
    return out;
  }

  ui.each("input[data-money]", function (input) {
    const echo = document.getElementById(input.id + "_echo");
    if (!echo) return;
    function tell(done) {
      const value = input.value.trim();
      const fen = value ? read(value) : null;
      let text = "";
      if (fen !== null) {
        const digits = fen % 100 ? 2 : 0;
        const amount = (fen / 100).toLocaleString("zh-CN", { minimumFractionDigits: digits, maximumFractionDigits: digits });
        text = ui.t("amount", { amount: amount, capital: capital(fen) });
      } else if (value && done) {
        text = ui.t("notMoney");
      }
      if (echo.textContent !== text) echo.textContent = text;
    }
    input.addEventListener("input", function (e) {
      if (!e.isComposing) tell(false);
    });
    input.addEventListener("change", function () {
      tell(true);
    });
    tell(false);
  });
})();
