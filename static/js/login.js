// The login page: show the password, and tell when Caps Lock is on.
"use strict";
ui.each("[data-show]", function (button) {
  const input = document.getElementById(button.dataset.show);
  button.hidden = false;
  button.addEventListener("click", function () {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.textContent = shown ? button.dataset.off : button.dataset.on;
    input.focus();
  });
  // Sent as a password again, so that the browser does not offer it as a remembered text.
  input.form.addEventListener("submit", function () {
    input.type = "password";
  });
});
ui.each("[data-caps]", function (input) {
  const hint = document.getElementById(input.dataset.caps);
  input.addEventListener("keyup", function (e) {
    if (!e.getModifierState) return;
    const text = e.getModifierState("CapsLock") ? hint.dataset.text : "";
    if (hint.textContent !== text) hint.textContent = text;
  });
});
