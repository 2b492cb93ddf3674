// Shared by the other scripts: the words of the page's language, the guard for input methods, and set-up of elements.
"use strict";
window.ui = {
  // A sentence from the page's word list (templates/ui/words.html), with {names} filled in.
  t: function (name, values) {
    const words = document.getElementById("ui-words");
    const text = (words && words.dataset[name]) || "";
    return text.replace(/\{(\w+)\}/g, function (whole, key) {
      return values && key in values ? values[key] : whole;
    });
  },
  // True while pinyin is being composed. Some input methods send the last Enter with isComposing=false, hence 229.
  isComposing: function (e) {
    return e.isComposing || e.keyCode === 229;
  },
  // True where a single letter is text, not a command.
  isTyping: function (target) {
    return Boolean(target.closest && target.closest("input, textarea, select, [contenteditable], dialog[open]"));
  },
  // Run a function for each element that is there now, and for those that htmx or a new row bring later.
  each: function (selector, run) {
    const seen = new WeakSet();
    const once = function (root) {
      const found = Array.from(root.querySelectorAll(selector));
      if (root.matches && root.matches(selector)) found.push(root);
      found.forEach(function (el) {
        if (seen.has(el)) return;
        seen.add(el);
        run(el);
      });
    };
    once(document);
    document.addEventListener("htmx:load", function (e) {
      once(e.detail.elt);
    });
    document.addEventListener("ui:added", function (e) {
      once(e.target);
    });
  },
};
