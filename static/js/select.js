// A select with more than 15 options gets a search box; shorter ones stay as the browser draws them. Where several may
// be chosen, each chosen one has a button that takes it away again: on a phone there is no Backspace to aim at it.
"use strict";
ui.each("select:not([data-plain])", function (select) {
  if (select.options.length <= 15 || typeof TomSelect === "undefined") return;
  const box = new TomSelect(select, {
    create: false,
    maxOptions: null,
    allowEmptyOption: true,
    // an open list would lie over the rest of the form
    closeAfterSelect: select.multiple,
    searchField: ["text", "find"], // data-find: initials and the like, found but not shown
    render: {
      no_results: function () {
        const line = document.createElement("div");
        line.className = "no-results";
        line.textContent = ui.t("noMatch");
        return line;
      },
      item: function (data) {
        const item = document.createElement("div");
        item.textContent = data.text;
        if (!select.multiple) return item;
        const button = document.createElement("button");
        button.type = "button";
        button.className = "ts-remove";
        button.dataset.remove = data.value;
        button.textContent = "×";
        button.setAttribute("aria-label", ui.t("remove", { what: data.text }));
        item.appendChild(button);
        return item;
      },
    },
  });
  // Caught before the box takes the press for the choice of the item.
  ["mousedown", "click"].forEach(function (name) {
    box.control.addEventListener(
      name,
      function (e) {
        const button = e.target.closest("[data-remove]");
        if (!button) return;
        e.preventDefault();
        e.stopPropagation();
        if (name === "click") {
          box.removeItem(button.dataset.remove);
          const next = box.control.querySelector("[data-remove]");
          if (next) next.focus();
        }
      },
      true
    );
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
