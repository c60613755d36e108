// What pages do by themselves; everything works without it but for what is live.

"use strict";

// Says whether a part of the page is live, when its stream ends and when it is there again.
function tellWhetherLive(event, isLive) {
  const box = event.target.closest("[data-live]");
  if (!box) return;
  box.querySelector(".live-on").hidden = !isLive;
  box.querySelector(".live-off").hidden = isLive;
}

document.addEventListener("htmx:sse:after:connection", (event) => tellWhetherLive(event, true));
document.addEventListener("htmx:sse:before:connection", (event) => {
  if (event.detail.connection.attempt > 0) tellWhetherLive(event, false);
});
document.addEventListener("htmx:sse:error", (event) => tellWhetherLive(event, false));

// Who was signed out meanwhile gets the sign-in page, not a part of it inside the old one.
document.addEventListener("htmx:before:swap", (event) => {
  const response = event.detail.ctx && event.detail.ctx.response;
  if (response && response.raw && response.raw.redirected) {
    event.preventDefault();
    window.location.reload();
  }
});
