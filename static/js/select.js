// A select with more than 15 options gets a search box; shorter ones stay as the browser draws them.
"use strict";
ui.each("select:not([data-plain])", function (select) {
  if (select.options.length <= 15 || typeof TomSelect === "undefined") return;
  const box = new TomSelect(select, {
    create: false,
    maxOptions: null,
    allowEmptyOption: true,
    searchField: ["text", "find"], // data-find: initials and the like, found but not shown
    render: {
      no_results: function () {
        const line = document.createElement("div");
        line.className = "no-results";
        line.textContent = ui.t("noMatch");
        return line;
      },
    },
  });
  ["aria-describedby", "aria-invalid"].forEach(function (name) {
    if (select.hasAttribute(name)) box.control_input.setAttribute(name, select.getAttribute(name));
  });
  // The box carries the label now; the select behind it only carries the value.
  select.setAttribute("aria-hidden", "true");
  select.setAttribute("aria-labelledby", select.id + "-ts-label");
  // A closed list is hidden by app.css; the inline style that the library leaves behind says the same twice.
  const plain = function () {
    // Asked first, because Chromium writes the attribute only when somebody looks.
    if (box.dropdown.hasAttribute("style")) box.dropdown.removeAttribute("style");
  };
  box.on("dropdown_close", plain);
  plain();
  // Enter that ends a pinyin word must not choose an option: it is caught before the box sees it.
  box.wrapper.addEventListener(
    "keydown",
    function (e) {
      if (ui.isComposing(e)) e.stopPropagation();
    },
    true
  );
});
