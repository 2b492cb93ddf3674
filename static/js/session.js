// The record of a session: shows what belongs to the chosen outcome. Without this script everything is shown.
"use strict";
ui.each("form[data-session]", function (form) {
  function show() {
    const chosen = form.querySelector("input[name=outcome]:checked");
    form.querySelectorAll("[data-session-when]").forEach(function (part) {
      const held = part.dataset.sessionWhen === "held";
      part.hidden = !chosen || (chosen.value === "not_held") === held;
    });
  }
  form.addEventListener("change", show);
  show();
});
