// Keyboard shortcuts. Single keys are off while typing and when the person switched them off; Ctrl shortcuts stay.
"use strict";
(function () {
  const sheet = document.getElementById("keys-sheet");
  const off = document.documentElement.dataset.keys === "off";
  const go = {};
  // A role reaches only what its navigation offers: the shortcut and its line in the sheet go with the link.
  Array.from(sheet ? sheet.querySelectorAll("[data-go]") : []).forEach(function (line) {
    const link = document.querySelector('a[href="' + line.dataset.url + '"]');
    if (link) go[line.dataset.go] = line.dataset.url;
    else line.remove();
  });

  let chordUntil = 0;

  function step(by) {
    const rows = Array.from(document.querySelectorAll("[data-row]")).filter(function (row) {
      return row.offsetParent !== null;
    });
    if (!rows.length) return;
    const now = rows.findIndex(function (row) {
      return row.classList.contains("row-on");
    });
    const next = now < 0 ? 0 : Math.max(0, Math.min(rows.length - 1, now + by));
    if (now >= 0) rows[now].classList.remove("row-on");
    rows[next].classList.add("row-on");
    const link = rows[next].querySelector("a[href]");
    if (link) link.focus();
  }

  function single(e) {
    if (off || e.ctrlKey || e.altKey || e.metaKey || ui.isTyping(e.target)) return false;
    const key = e.key;
    if (chordUntil > Date.now() && "htcl".indexOf(key) >= 0) {
      chordUntil = 0;
      if (go[key]) window.location.assign(go[key]);
      return Boolean(go[key]);
    }
    chordUntil = 0;
    if (key === "/") {
      const search = document.getElementById("global-search");
      if (!search || search.offsetParent === null) return false;
      search.focus();
      search.select();
      return true;
    }
    if (key === "?" && sheet && sheet.showModal) {
      sheet.showModal();
      return true;
    }
    if (key === "g") {
      chordUntil = Date.now() + 1500;
      return true;
    }
    if (key === "n" && go.n) {
      window.location.assign(go.n);
      return true;
    }
    if (key === "e") {
      const note = document.querySelector("[data-note]");
      if (note) note.focus();
      return Boolean(note);
    }
    if (key === "j" || key === "k") {
      step(key === "j" ? 1 : -1);
      return true;
    }
    return false;
  }

  document.addEventListener("keydown", function (e) {
    if (ui.isComposing(e)) return;
    const target = e.target;
    if (e.ctrlKey && !e.altKey && !e.shiftKey && e.key === "Enter" && target.form && target.form.requestSubmit) {
      e.preventDefault();
      target.form.requestSubmit();
    } else if (e.ctrlKey && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "s") {
      const form = (target.form && target.form.dataset.draftUrl && target.form) || document.querySelector("form[data-draft-url]");
      if (!form) return;
      e.preventDefault();
      form.dispatchEvent(new Event("draft:save"));
    } else if (e.key === "Escape" && target.type === "search") {
      // The browser would empty the box: Esc leaves it and keeps what was typed.
      e.preventDefault();
      target.blur();
    } else if (single(e)) {
      e.preventDefault();
    }
  });
})();
