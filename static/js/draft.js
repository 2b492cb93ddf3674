// Autosave: a form with data-draft-url sends its fields to the server 3 s after a change, every 4 s while somebody goes on
// typing, and when the page is left: of what is typed nothing older than 5 s is only here.
// Files and passwords never go along; nothing is stored in the browser; submitting is never held up.
"use strict";
ui.each("form[data-draft-url]", function (form) {
  const token = form.querySelector("[name=csrfmiddlewaretoken]");
  const status = form.querySelector("[data-draft-status]") || document.querySelector("[data-draft-status]");
  let saved = body();
  let asked = 0;
  let timer = 0;
  let since = 0; // the oldest change that is not sent yet
  let wait = 0;
  let leaving = false;
  let abort = null;

  if (status && !status.hasAttribute("aria-live")) status.setAttribute("aria-live", "polite");

  function body() {
    const out = new URLSearchParams();
    new FormData(form).forEach(function (value, name) {
      const field = form.elements[name];
      if (typeof value !== "string" || name === "csrfmiddlewaretoken" || (field && field.type === "password")) return;
      out.append(name, value);
    });
    return out.toString();
  }

  function say(text, failed) {
    if (!status) return;
    status.textContent = text;
    if (!failed) return;
    const again = document.createElement("button");
    again.type = "button";
    again.className = "btn-text";
    again.textContent = ui.t("retry");
    again.addEventListener("click", save);
    status.append(" ", again);
  }

  function later(delay) {
    clearTimeout(timer);
    timer = setTimeout(save, delay);
  }

  function changed() {
    since = since || Date.now();
    later(Math.max(0, Math.min(3000, since + 4000 - Date.now())));
  }

  function save() {
    clearTimeout(timer);
    since = 0;
    if (leaving || !form.isConnected) return;
    const text = body();
    if (text === saved) return;
    if (abort) abort.abort();
    abort = new AbortController();
    const mine = ++asked;
    fetch(form.dataset.draftUrl, {
      method: "POST",
      credentials: "same-origin",
      // Browsers refuse to keep more than 64 KB alive after the page is gone.
      keepalive: text.length < 60000,
      signal: abort.signal,
      headers: {
        "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8",
        "X-CSRFToken": token ? token.value : "",
        "X-Requested-With": "XMLHttpRequest",
        Accept: "application/json",
      },
      body: text,
    })
      .then(function (answer) {
        const isJson = (answer.headers.get("Content-Type") || "").indexOf("application/json") === 0;
        if (!answer.ok || !isJson) throw Object.assign(new Error("draft"), { final: answer.status < 500 });
        return answer.json();
      })
      .then(function (data) {
        if (mine !== asked) return;
        saved = text;
        wait = 0;
        say(ui.t("draftSaved", { time: data.saved_at }));
      })
      .catch(function (error) {
        if (mine !== asked || leaving || error.name === "AbortError") return;
        say(ui.t("draftFailed"), true);
        // A refusal does not change by asking again; a lost connection or a restarted server does.
        if (error.final) return;
        wait = Math.min(wait ? wait * 2 : 5000, 60000);
        later(wait);
      });
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  form.addEventListener("draft:save", save);
  // The submission carries everything; a draft that arrived after it would come back as a ghost.
  form.addEventListener("submit", function (e) {
    if (e.defaultPrevented) return;
    leaving = true;
    clearTimeout(timer);
    if (abort) abort.abort();
  });
  window.addEventListener("pageshow", function () {
    leaving = false;
  });
  // htmx sends the form without leaving the page: where that failed, what is typed goes on being kept.
  form.addEventListener("htmx:afterRequest", function () {
    leaving = false;
  });
  document.addEventListener("visibilitychange", function () {
    if (document.visibilityState === "hidden") save();
  });
  window.addEventListener("pagehide", save);
});
