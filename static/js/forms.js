// Forms: one submission at a time, the error summary takes the focus, chosen files are listed.
"use strict";
(function () {
  const waiting = new Map();

  function release(form) {
    const state = waiting.get(form);
    if (!state) return;
    state.timers.forEach(clearTimeout);
    if (state.label !== undefined) {
      state.button.innerHTML = state.label;
      state.button.disabled = false;
    }
    if (state.slow) state.slow.remove();
    waiting.delete(form);
  }

  document.addEventListener("submit", function (e) {
    const form = e.target;
    const downloads = (e.submitter && e.submitter.hasAttribute("data-download")) || form.hasAttribute("data-download");
    if (form.method !== "post" || downloads) return; // the page stays, and nothing would release the button
    if (waiting.has(form)) {
      e.preventDefault();
      return;
    }
    const button = e.submitter || form.querySelector("[type=submit]");
    const state = { button: button, timers: [] };
    waiting.set(form, state);
    if (!button || button.tagName !== "BUTTON") return;
    // The button is disabled after the browser has read its name and value, so these are sent too.
    state.timers.push(
      setTimeout(function () {
        state.label = button.innerHTML;
        button.disabled = true;
        button.textContent = ui.t("saving");
      }, 400),
      setTimeout(function () {
        state.slow = document.createElement("span");
        state.slow.className = "hint";
        state.slow.setAttribute("role", "status");
        button.insertAdjacentElement("afterend", state.slow);
        state.slow.textContent = ui.t("slow");
      }, 2000)
    );
  });
  // Coming back by the browser's arrow shows the page as it was left: with the button still disabled.
  window.addEventListener("pageshow", function () {
    Array.from(waiting.keys()).forEach(release);
  });
  document.addEventListener("htmx:afterRequest", function (e) {
    release(e.detail.elt);
  });

  function focusField(id) {
    const el = document.getElementById(id);
    if (!el) return false;
    const box = el.closest(".field") || el;
    box.scrollIntoView({ block: "center" });
    if (el.tomselect) el.tomselect.focus();
    else el.focus({ preventScroll: true });
    return true;
  }

  ui.each("[data-error-summary]", function (box) {
    box.focus();
    box.addEventListener("click", function (e) {
      const link = e.target.closest("a[href^='#']");
      if (link && focusField(link.getAttribute("href").slice(1))) e.preventDefault();
    });
  });

  // In a form marked data-enter="next", Enter goes to the next field and Shift+Enter back; a textarea keeps its newline.
  document.addEventListener("keydown", function (e) {
    if (e.key !== "Enter" || e.ctrlKey || e.altKey || e.metaKey || ui.isComposing(e)) return;
    const form = e.target.form;
    if (!form || form.dataset.enter !== "next" || !e.target.matches("input:not([type=submit]), select")) return;
    const fields = Array.from(form.elements).filter(function (el) {
      return el.matches("input:not([type=hidden]), select, textarea, button") && !el.disabled && el.offsetParent && el.tabIndex >= 0;
    });
    const next = fields[fields.indexOf(e.target) + (e.shiftKey ? -1 : 1)];
    e.preventDefault();
    if (next) next.focus();
  });

  ui.each("input[type=file]:not([data-photos])", function (input) {
    const list = document.createElement("ul");
    list.className = "files";
    list.setAttribute("aria-live", "polite");
    input.insertAdjacentElement("afterend", list);
    input.addEventListener("change", function () {
      list.textContent = "";
      Array.from(input.files).forEach(function (file) {
        const line = document.createElement("li");
        const size = file.size < 1048576 ? Math.ceil(file.size / 1024) + " KB" : (file.size / 1048576).toFixed(1) + " MB";
        line.textContent = file.name + "  " + size;
        list.appendChild(line);
      });
    });
  });
})();
