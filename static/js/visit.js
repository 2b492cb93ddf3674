// The visit form: shows what belongs to the chosen answer (联系上了 / 没联系上; 再回访一次: when). Without this script
// everything is shown.
"use strict";
ui.each("[data-visit-party], [data-visit-conclusion]", function (column) {
  function show() {
    const chosen = column.querySelector(
      "input[type=radio][name$='-reached']:checked, input[type=radio][name='conclusion']:checked"
    );
    column.querySelectorAll("[data-visit-when]").forEach(function (part) {
      part.hidden = !chosen || part.dataset.visitWhen !== chosen.value;
    });
  }
  column.addEventListener("change", show);
  show();
});
