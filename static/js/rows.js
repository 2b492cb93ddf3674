// Rows of a formset (parties, obligations): [data-formset=PREFIX] holds PREFIX-TOTAL_FORMS, .rows, a template, buttons.
"use strict";
ui.each("[data-formset]", function (box) {
  const total = box.querySelector('[name="' + box.dataset.formset + '-TOTAL_FORMS"]');
  const list = box.querySelector(".rows");
  const pattern = box.querySelector("template");
  const add = box.querySelector("[data-add-row]");
  if (!total || !list || !pattern || !add) return;
  add.hidden = false;

  function shown() {
    return Array.from(list.querySelectorAll("[data-row-item]:not(.gone)"));
  }

  add.addEventListener("click", function () {
    const index = Number(total.value);
    const holder = document.createElement("template");
    holder.innerHTML = pattern.innerHTML.replace(/__prefix__/g, String(index)).replace(/__n__/g, String(shown().length + 1));
    const row = holder.content.firstElementChild;
    list.appendChild(row);
    total.value = String(index + 1);
    row.dispatchEvent(new Event("ui:added", { bubbles: true }));
    const first = row.querySelector("input:not([type=hidden]), select, textarea");
    if (first) first.focus();
    add.form && add.form.dispatchEvent(new Event("change"));
  });

  list.addEventListener("click", function (e) {
    const button = e.target.closest("[data-remove-row]");
    if (!button) return;
    const row = button.closest("[data-row-item]");
    const gone = row.querySelector('[name$="-DELETE"]');
    // The numbering of the rows must stay without a hole, so a row is marked or emptied, never taken out.
    if (gone) {
      gone.type === "checkbox" ? (gone.checked = true) : (gone.value = "on");
    } else {
      Array.from(row.querySelectorAll("input, select, textarea")).forEach(function (field) {
        if (field.type === "checkbox" || field.type === "radio") field.checked = false;
        else if (!/-id$/.test(field.name)) field.value = "";
      });
    }
    row.classList.add("gone");
    add.focus();
    add.form && add.form.dispatchEvent(new Event("change"));
  });
});
