// The configurator works without this file: it asks again while one types, opens the arithmetic in
// its place, and copies links.
"use strict";

document.documentElement.classList.add("scripted");

function isPlain(event) {
  return event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
}

function ask(address) {
  return htmx.ajax("GET", address, { target: "#results", swap: "outerHTML", source: "#page" });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.state");
  if (link && isPlain(event)) {
    event.preventDefault();
    const address = link.getAttribute("href");
    ask(address).then(() => {
      // The link was drawn anew: keep the place of who came by keyboard.
      const same = [...document.querySelectorAll("#results a.state")]
        .find((one) => one.textContent.trim() === link.textContent.trim()
          && one.getAttribute("aria-label") === link.getAttribute("aria-label"));
      if (same) same.focus({ preventScroll: true });
    });
    return;
  }
  const copy = event.target.closest(".copy-link");
  if (copy) {
    const address = new URL(copy.dataset.copy, location.href).href;
    navigator.clipboard.writeText(address).then(
      () => { copy.textContent = "Copied"; },
      () => { location.assign(address); },
    );
    return;
  }
  // A row is a large target for its own link; text in it can still be marked.
  const row = event.target.closest(".models tbody tr");
  const isControl = event.target.closest("a, button, summary, details, input, select");
  if (row && !isControl && isPlain(event) && String(getSelection()) === "") {
    row.querySelector("a.choose").click();
  }
});

// "why" fetches its arithmetic when it is opened first.
document.addEventListener("toggle", (event) => {
  const why = event.target;
  const link = why.matches("details.why[open]") && why.querySelector(":scope > div > a");
  if (link) {
    const place = link.parentElement;
    place.setAttribute("aria-live", "polite");
    htmx.ajax("GET", link.getAttribute("href"), { target: place, swap: "innerHTML", source: place });
  }
}, true);
