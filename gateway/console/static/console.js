// What pages do by themselves; everything works without it but for what is live.

"use strict";

const QUIET_MS = 3000; // A stream that is there again by then has not been away.
const AGAIN_MS = 5000;
const REFUSED = 503;
const TOLD = ".verdict, .notice:not([role])";
const waiting = new WeakMap();

// Says whether a part of the page is live, and if it is not, what is missing (null: nothing).
function tellWhetherLive(box, missing) {
  clearTimeout(waiting.get(box));
  box.querySelector(".live-on").hidden = missing !== null;
  box.querySelector(".live-off").hidden = missing === null;
  box.querySelectorAll("[data-no]").forEach((each) => (each.hidden = each.dataset.no !== missing));
}

function missingBy(status) {
  return status === REFUSED ? "place" : "connection";
}

function onLive(name, listen) {
  document.addEventListener(name, (event) => {
    const box = event.target.closest("[data-live]");
    if (box) listen(box, event);
  });
}

onLive("htmx:sse:after:connection", (box) => tellWhetherLive(box, null));
onLive("htmx:sse:error", (box, event) => tellWhetherLive(box, missingBy(event.detail.status)));
onLive("htmx:sse:before:connection", (box, event) => {
  if (event.detail.connection.attempt === 0) return;
  clearTimeout(waiting.get(box));
  // What was told already stays: it is known better than that nothing is there.
  const isTold = !box.querySelector(".live-off").hidden;
  if (!isTold) waiting.set(box, setTimeout(() => tellWhetherLive(box, "connection"), QUIET_MS));
});

// A stream that was refused (too many, no journal) is asked for again; the page stays as it is.
function askAgain(box, event) {
  const part = event.target;
  const response = event.detail.ctx && event.detail.ctx.response;
  tellWhetherLive(box, missingBy(response && response.status));
  setTimeout(() => {
    const isOpen = part._htmx && part._htmx.sse;
    if (part.isConnected && !isOpen) htmx.ajax("GET", part.getAttribute("hx-sse:connect"), { source: part });
  }, AGAIN_MS * (1 - Math.random() / 2));
}

onLive("htmx:response:error", askAgain);
onLive("htmx:error", askAgain);

// Who was signed out meanwhile gets the sign-in page, not a part of it inside the old one.
document.addEventListener("htmx:before:swap", (event) => {
  const response = event.detail.ctx && event.detail.ctx.response;
  if (response && response.raw && response.raw.redirected) {
    event.preventDefault();
    window.location.reload();
  }
});

// What a part says of how things stand is said once more when it is new, and nothing else of it.
// Whoever was on a link stays on it, wherever it has moved to.
const before = new WeakMap();

function saidIn(box) {
  return [...box.querySelectorAll(TOLD)].map((each) => each.textContent.trim().replace(/\s+/g, " ")).join(" ");
}

onLive("htmx:sse:before:message", (box) => {
  const focused = document.activeElement;
  const isLink = focused && box.contains(focused) && focused.matches("a[href]");
  before.set(box, { said: saidIn(box), focused, href: isLink ? focused.getAttribute("href") : null });
});

onLive("htmx:sse:after:message", (box, event) => {
  tellWhetherLive(box, event.detail.message.event === "no-journal" ? "journal" : null);
  const was = before.get(box);
  if (!was) return;
  const said = saidIn(box);
  if (said !== was.said) box.querySelector("[data-said]").textContent = said;
  if (was.href === null || (was.focused.isConnected && was.focused.getAttribute("href") === was.href)) return;
  const there = box.querySelector(`a[href="${CSS.escape(was.href)}"]`);
  if (there) there.focus({ preventScroll: true });
});

// A second click does not send a form twice.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "just now";
  setTimeout(() => delete form.dataset.sent, AGAIN_MS);
});

// The page that one comes back to can be used again.
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});
