// Photos of a capture (input[data-photos]): made smaller here where the browser can, collected one by one, taken off
// again, sent with the form, each with a bar. What the server refuses is taken off; the others stay for the next try.
"use strict";
(function () {
  const LONGEST = 1600;
  const sent = new Map(); // submission → files that went with it, for the form that comes back with a sentence

  // A JPEG of at most 1600 px, upright and without place or date; the file itself where that fails or gains nothing.
  function shrink(file) {
    if (!window.createImageBitmap || !/^image\//.test(file.type)) return Promise.resolve(file);
    return createImageBitmap(file)
      .then(function (image) {
        const scale = Math.min(1, LONGEST / Math.max(image.width, image.height));
        const canvas = document.createElement("canvas");
        canvas.width = Math.max(1, Math.round(image.width * scale));
        canvas.height = Math.max(1, Math.round(image.height * scale));
        const brush = canvas.getContext("2d");
        brush.fillStyle = "#fff"; // JPEG knows no transparency
        brush.fillRect(0, 0, canvas.width, canvas.height);
        brush.drawImage(image, 0, 0, canvas.width, canvas.height);
        image.close();
        return new Promise(function (done) {
          canvas.toBlob(done, "image/jpeg", 0.85);
        });
      })
      .then(function (blob) {
        if (!blob || blob.size >= file.size) return file;
        return new File([blob], file.name.replace(/\.[^.]*$/, "") + ".jpg", { type: "image/jpeg" });
      })
      .catch(function () {
        return file;
      });
  }

  ui.each("input[data-photos]", function (input) {
    const form = input.form;
    const number = form.querySelector("[name=submission]");
    const most = Number(input.dataset.photos);
    const list = document.createElement("ul");
    const said = document.createElement("p");
    let files = [];
    list.className = "photos";
    said.className = "hint";
    said.setAttribute("role", "status");
    input.insertAdjacentElement("afterend", list);
    list.insertAdjacentElement("afterend", said);
    input.multiple = true;

    // What the form will send is what the list shows.
    function put() {
      const box = new DataTransfer();
      files.forEach(function (file) {
        box.items.add(file);
      });
      input.files = box.files;
      list.textContent = "";
      files.forEach(function (file, index) {
        const line = document.createElement("li");
        const name = document.createElement("span");
        const bar = document.createElement("progress");
        const off = document.createElement("button");
        name.textContent = ui.t("photo", { n: index + 1, name: file.name, kb: Math.ceil(file.size / 1024) });
        bar.className = "bar";
        bar.max = file.size;
        bar.value = 0;
        bar.hidden = true;
        bar.setAttribute("aria-label", ui.t("photoSent", { n: index + 1 }));
        off.type = "button";
        off.className = "btn-text";
        off.textContent = ui.t("photoOff", { n: index + 1 });
        off.addEventListener("click", function () {
          files.splice(files.indexOf(file), 1);
          said.textContent = "";
          put();
          input.focus();
        });
        line.append(name, bar, off);
        list.appendChild(line);
      });
    }

    function add(picked) {
      const room = picked.slice(0, Math.max(0, most - files.length));
      said.textContent = room.length < picked.length ? ui.t("photoMost", { n: most }) : "";
      files = files.concat(room);
      put(); // at once: whoever submits before they are smaller sends them as they are
      room.forEach(function (file) {
        shrink(file).then(function (small) {
          const at = files.indexOf(file);
          if (at < 0) return;
          if (small.size > Number(input.dataset.most)) {
            files.splice(at, 1);
            said.textContent = ui.t("photoBig", { name: file.name });
          } else {
            files[at] = small;
          }
          put();
        });
      });
    }

    // All files travel in one request, one after the other: how far it is tells how far each of them is.
    function show(loaded) {
      list.querySelectorAll("progress").forEach(function (bar) {
        bar.hidden = false;
        bar.value = Math.max(0, Math.min(bar.max, loaded));
        loaded -= bar.max;
      });
    }

    input.addEventListener("change", function () {
      add(Array.from(input.files));
    });
    form.addEventListener("htmx:beforeRequest", function () {
      if (number) sent.set(number.value, files);
      if (files.length) show(0);
    });
    form.addEventListener("htmx:xhr:progress", function (e) {
      const size = files.reduce(function (sum, file) {
        return sum + file.size;
      }, 0);
      // The answer tells its progress, too; it is shorter than the files. The fields go before them.
      if (size && e.detail.total >= size) show(e.detail.loaded - (e.detail.total - size));
    });
    form.addEventListener("htmx:sendError", function () {
      if (files.length) said.textContent = ui.t("photoLater", { n: files.length });
    });

    const refused = (input.dataset.refused || "").split(" ");
    const before = (number && sent.get(number.value)) || [];
    sent.clear();
    files = before.filter(function (file, index) {
      return refused.indexOf(String(index)) < 0;
    });
    put();
  });
})();
