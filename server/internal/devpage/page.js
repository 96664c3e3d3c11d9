"use strict";
(() => {
  const live = document.querySelector("#live");
  const said = document.querySelector("#said");
  const armed = document.querySelector("#armed");
  const again = document.querySelector("#again");
  const { path, token, method } = live.dataset;
  const safe = !("asks" in live.dataset);
  let asking = null; // the request under way
  let lost = false; // the gateway was gone for a while

  const say = (state, text) => {
    live.className = state;
    said.textContent = text;
  };
  const time = () => new Date().toLocaleTimeString();

  // reload asks for the page itself once more; behind a POST the browser asks.
  const reload = () => location.reload();

  // replace puts a new main in the place of the old one, and leaves open and
  // focused what was.
  const replace = (html) => {
    const old = document.querySelector("main");
    const open = [...old.querySelectorAll("details[open]")].map((d) => d.id);
    const copy = old.contains(document.activeElement) && document.activeElement.dataset.copy;
    const fresh = document.createElement("main");
    fresh.id = "main";
    fresh.append(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    for (const id of open) fresh.querySelector("#" + id)?.setAttribute("open", "");
    old.replaceWith(fresh);
    showCopy();
    if (copy) fresh.querySelector(`[data-copy="${copy}"]`)?.focus({ preventScroll: true });
  };

  const heard = (event) => {
    switch (event.kind) {
      case "watching":
        if (safe || armed?.checked) say("watching", `Watching ${event.files}: save, and this runs again.`);
        else say("watching", `Watching ${event.files}.`);
        break;
      case "unwatched":
        say("", `Cannot watch the files (${event.why}): press Run again, or reload.`);
        break;
      case "changed":
        say("watching", `${event.file} has changed. Press Run again: it sends the ${method} once more.`);
        break;
      case "running":
        say("running", event.file ? `${event.file} has changed: running again …` : "Running again …");
        break;
      case "failed":
        replace(event.main);
        document.title = document.querySelector("h1").textContent + " · " + document.querySelector(".subject code").textContent;
        say("watching", `Run again at ${time()}: still ${event.status}. Watching ${event.files}.`);
        break;
      case "cut":
        say("watching", `Run again at ${time()}: the answer broke off in the middle; the log says why.`);
        break;
      case "answered":
        if (safe) {
          say("running", `${event.status} now: reloading.`);
          asking = null;
          reload();
        } else {
          say("watching", `${event.status} now, at ${time()}: reload to send the ${method} once more and see its answer.`);
        }
        break;
    }
  };

  // follow keeps one request open, on which the gateway says what happens. It
  // goes while nobody looks: browsers have few connections for one server.
  const follow = async (now) => {
    asking?.abort();
    const mine = new AbortController();
    asking = mine;
    try {
      const answer = await fetch(path, {
        method: "POST", cache: "no-store", signal: mine.signal,
        headers: { "Framegate-Token": token, "Framegate-Run": [armed?.checked && "saved", now && "now"].filter(Boolean).join(" ") },
      });
      if (!answer.ok) {
        asking = null;
        if (lost && safe) return reload();
        return say("lost", "The gateway has forgotten this request: reload to send it again.");
      }
      lost = false;
      const lines = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = "";;) {
        const { value, done } = await lines.read();
        if (done) break;
        const whole = (rest + value).split("\n");
        rest = whole.pop();
        for (const line of whole) if (line) heard(JSON.parse(line)); // an empty one asks whether we are here
      }
    } catch (error) {
      if (mine.signal.aborted) return;
    }
    if (asking !== mine) return;
    lost = true;
    say("lost", "The gateway has stopped; waiting for it.");
    setTimeout(() => { if (asking === mine) follow(false); }, 1000);
  };

  const showCopy = () => {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    } catch {
      getSelection().selectAllChildren(source); // then Ctrl-C does it
    }
  });
  showCopy();

  if (!again) return; // the request is not kept
  document.querySelector("#controls").hidden = false;
  again.addEventListener("click", () => follow(true));
  armed?.addEventListener("change", () => follow(false));
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      asking?.abort();
      asking = null;
    } else if (!asking) follow(false);
  });
  addEventListener("pageshow", (event) => { if (event.persisted) follow(false); });
  if (!document.hidden) follow(false);
})();
