// The stock board works without this file. With it, the list follows what is
// typed, the page stays where it was after a button, and notes count down.
"use strict";

// Search while typing: the server's own answer, its list put into this page.
const search = document.querySelector("form[data-live]");
if (search) {
  const field = search.elements.q;
  let timer = 0;
  let running = new AbortController();

  const refresh = async () => {
    running.abort();
    running = new AbortController();
    const url = new URL(search.action);
    if (field.value.trim()) url.searchParams.set("q", field.value.trim());
    try {
      const response = await fetch(url, { signal: running.signal });
      if (!response.ok) return;
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      for (const id of ["board", "clear", "lang", "made-by"]) {
        document.getElementById(id).replaceWith(page.getElementById(id));
      }
      history.replaceState(null, "", url);
    } catch (error) {
      if (error.name !== "AbortError") search.submit();
    }
  };
  field.addEventListener("input", (event) => {
    clearTimeout(timer);
    // Half a Chinese character in an input method is nothing to search for.
    if (!event.isComposing) timer = setTimeout(refresh, 250);
  });
  field.addEventListener("compositionend", () => {
    clearTimeout(timer);
    timer = setTimeout(refresh, 250);
  });
}

// A button posts and the next page is a new one: keep the place on it.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") sessionStorage.setItem("place", String(scrollY));
});
const place = sessionStorage.getItem("place");
sessionStorage.removeItem("place");
const done = new URL(location.href);
if (done.searchParams.has("done")) {
  const row = document.getElementById(done.hash.slice(1));
  for (const name of ["done", "code"]) done.searchParams.delete(name);
  done.hash = "";
  // A reload should not say it again.
  history.replaceState(null, "", done);
  if (place !== null && row) {
    addEventListener("load", () => {
      scrollTo(0, Number(place));
      row.querySelector("button").focus({ preventScroll: true });
    });
  }
}

const note = document.querySelector("textarea[data-count]");
if (note) {
  const left = document.getElementById(note.dataset.count);
  const count = () => { left.textContent = `${note.value.length} / ${note.maxLength}`; };
  note.addEventListener("input", count);
  count();
}
