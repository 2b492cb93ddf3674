// On the phone the filter of a list starts closed, unless conditions are chosen; without this script it stays open.
"use strict";
ui.each("details[data-phone-closed]", function (box) {
  if (box.dataset.phoneClosed !== "no" && window.matchMedia("(max-width: 767px)").matches) box.removeAttribute("open");
});
