// The capture loop: what could not be sent stays in the form and is sent again, once; nothing is stored in the browser.
"use strict";
ui.each("form[data-capture]", function (form) {
  const status = document.querySelector("[data-net]");
  let timer = 0;

  function say(text) {
    if (status) status.textContent = text;
  }

  form.addEventListener("htmx:sendError", function () {
    say(ui.t("notSent"));
    // The entry carries its own number, so a second arrival of the same one changes nothing.
    clearTimeout(timer);
    timer = setTimeout(function () {
      if (form.isConnected) form.requestSubmit();
    }, 5000);
  });
  form.addEventListener("htmx:responseError", function (e) {
    say(ui.t(e.detail.xhr.status >= 500 ? "notSent" : "sendRefused"));
  });
  form.addEventListener("htmx:beforeRequest", function () {
    clearTimeout(timer);
  });
});

// What belongs to one answer: data-when="found=calm" shows and opens while an answer of that name begins so.
ui.each("[data-when]", function (part) {
  const form = part.closest("form");
  const name = part.dataset.when.split("=")[0];
  const wanted = part.dataset.when.split("=")[1];

  function show() {
    const given = form.querySelector('[name$="' + name + '"]:checked, select[name$="' + name + '"]');
    const value = given ? given.value : form.dataset[name] || "";
    part.hidden = value.indexOf(wanted) !== 0;
    if (part.tagName === "DETAILS") part.open = !part.hidden;
  }
  form.addEventListener("change", show);
  show();
});
