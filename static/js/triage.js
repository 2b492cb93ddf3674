// Triage and inbox by keyboard: arrows change the entry, 1/2/3 make the choice that data-triage names, Ctrl+Enter
// confirms and goes on to the next.
"use strict";
(function () {
  const form = document.querySelector("form[data-triage]");
  const off = document.documentElement.dataset.keys === "off";
  if (!form) return;

  document.addEventListener("keydown", function (e) {
    if (ui.isComposing(e) || e.defaultPrevented) return;
    if (e.ctrlKey && !e.altKey && !e.shiftKey && e.key === "Enter") {
      e.preventDefault();
      form.requestSubmit(form.querySelector("[data-primary]"));
      return;
    }
    if (off || e.ctrlKey || e.altKey || e.metaKey || ui.isTyping(e.target)) return;
    if (e.key === "ArrowDown" || e.key === "ArrowUp") {
      const rows = Array.from(document.querySelectorAll("[data-entry]"));
      const now = rows.findIndex(function (row) {
        return row.getAttribute("aria-current") === "true";
      });
      const next = rows[now + (e.key === "ArrowDown" ? 1 : -1)];
      e.preventDefault();
      if (next) window.location.assign(next.href);
    } else if (e.key === "1" || e.key === "2" || e.key === "3") {
      const choice = form.querySelectorAll('input[name="' + form.dataset.triage + '"]')[Number(e.key) - 1];
      if (!choice) return;
      e.preventDefault();
      choice.checked = true;
      choice.focus();
    }
  });
})();
