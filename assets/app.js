// Makes the pages a little quicker to use. Every page works without it, and it keeps nothing.
(() => {
  "use strict";
  const form = document.getElementById("search");
  const question = document.getElementById("q");

  // Enter asks, Shift+Enter starts a new line; a word still being composed (Chinese, Japanese) is left alone.
  question?.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit(form.querySelector("[data-busy]"));
  });

  // Says that the answer is on its way; coming back through the browser's history undoes it.
  const button = form?.querySelector("[data-busy]");
  const label = button?.textContent;
  form?.addEventListener("submit", () => {
    form.setAttribute("aria-busy", "true");
    button.textContent = button.dataset.busy;
  });
  addEventListener("pageshow", () => {
    if (!form) return;
    form.removeAttribute("aria-busy");
    button.textContent = label;
  });

  // A filter that changes brings its own answer, in place, so that focus stays where it was.
  const places = ["chips", "count", "answer"];
  let running;
  let waiting;
  const refresh = async () => {
    const fields = new URLSearchParams(new FormData(form));
    for (const [name, value] of [...fields]) if (value === "") fields.delete(name, value);
    const address = form.action + "?" + fields;
    running?.abort();
    running = new AbortController();
    const answer = document.getElementById("answer");
    answer.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(address, { signal: running.signal });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      if (!response.ok || places.some((id) => !page.getElementById(id))) throw new Error("not an answer");
      for (const id of places) document.getElementById(id).replaceChildren(...page.getElementById(id).childNodes);
      const badge = page.querySelector(".filters .badge");
      document.querySelector(".filters .badge")?.remove();
      if (badge) document.querySelector(".filters summary").append(badge);
      history.replaceState(null, "", address);
      answer.removeAttribute("aria-busy");
    } catch (problem) {
      // A newer change took over; anything else is left to the browser, which can show what went wrong.
      if (problem.name !== "AbortError") location.assign(address);
    }
  };
  form?.querySelector(".filters").addEventListener("change", () => {
    if (!document.getElementById("answer")) return;
    clearTimeout(waiting);
    waiting = setTimeout(refresh, 250);
  });

  // The browser knows its time zone; who sees it picked need not be asked.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const question of document.querySelectorAll("[data-zone]")) {
    const list = question.querySelector("select");
    if (![...list.options].some((option) => option.value === zone)) continue;
    list.value = zone;
    question.hidden = true;
  }

  // A password can be looked at while it is typed, a token can be copied.
  for (const button of document.querySelectorAll("button[data-shows]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const field = document.getElementById(button.dataset.shows);
      const isHidden = field.type === "password";
      field.type = isHidden ? "text" : "password";
      button.firstElementChild.textContent = isHidden ? "Hide" : "Show";
    });
  }
  for (const button of document.querySelectorAll("button[data-copies]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copies).value);
      button.textContent = "Copied";
    });
  }

  // One box ticks all of a list.
  for (const all of document.querySelectorAll("[data-ticks]")) {
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of document.getElementsByName(all.dataset.ticks)) box.checked = all.firstElementChild.checked;
    });
  }

  // The demo's accounts fill the form in.
  for (const fill of document.querySelectorAll("button[data-email]")) {
    fill.hidden = false;
    fill.addEventListener("click", () => {
      const fields = document.getElementById("signin").elements;
      fields.email.value = fill.dataset.email;
      fields.password.value = fill.dataset.password;
      document.querySelector("#signin .primary").focus();
    });
  }
})();
