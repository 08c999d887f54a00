"use strict";
// Local times, copying, keys, and the live table. The pages work without it.
for (const time of document.querySelectorAll("time[datetime]")) {
  const date = new Date(time.dateTime);
  if (!Number.isNaN(date.getTime())) {
    time.title = time.textContent + " UTC";
    time.textContent = date.toLocaleString();
  }
}

document.addEventListener("click", async event => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  const text = button.dataset.copy ?? document.getElementById(button.dataset.copyFrom)?.textContent ?? "";
  await navigator.clipboard.writeText(text);
  button.textContent = "copied";
});

const rows = () => [...document.querySelectorAll("[data-row]")];
let current = -1;
const select = index => {
  const all = rows();
  if (all.length === 0) return;
  all[current]?.classList.remove("current");
  current = Math.max(0, Math.min(all.length - 1, index));
  all[current].classList.add("current");
  all[current].scrollIntoView({ block: "nearest" });
};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape") {
    if (typing) event.target.blur();
    else if (!document.getElementById("help")?.open) history.back();
    return;
  }
  if (typing) return;
  switch (event.key) {
    case "j": case "J": select(current + 1); break;
    case "k": case "K": select(current - 1); break;
    case "Enter": if (event.target === document.body) rows()[current]?.querySelector("a")?.click(); return;
    case "/": document.querySelector("[data-search]")?.focus(); break;
    case "?": document.getElementById("help")?.showModal(); break;
    default: return;
  }
  event.preventDefault();
});

const live = document.getElementById("live");
if (live) {
  const state = document.getElementById("live-state");
  const events = new EventSource(live.dataset.events);
  events.onopen = () => { state.textContent = "Connected: exchanges appear as they are recorded."; };
  events.onerror = () => { state.textContent = "Not connected; trying again."; };
  events.addEventListener("exchange", event => {
    const exchange = JSON.parse(event.data);
    const row = live.tBodies[0].insertRow(0);
    const number = (value, digits) => value == null ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: digits });
    const cells = [
      new Date(exchange.startedAt).toLocaleTimeString(), exchange.model, exchange.httpStatus || "–",
      exchange.durationMs == null ? "–" : number(exchange.durationMs / 1000, 1) + " s", number(exchange.tokenUsage.input, 0), number(exchange.tokenUsage.output, 0),
      exchange.costUsd == null ? "–" : "$" + exchange.costUsd.toFixed(4), exchange.examples,
    ];
    cells.forEach((text, i) => {
      const cell = row.insertCell();
      cell.textContent = text;
      if (i >= 2) cell.className = "n";
    });
    const task = row.insertCell();
    if (exchange.sideCall) task.textContent = "side call";
    else if (exchange.taskId) {
      const link = document.createElement("a");
      link.href = live.dataset.events.replace(/events$/, "trajectories/") + encodeURIComponent(exchange.taskId);
      link.textContent = exchange.taskId.slice(0, 12) + " · " + exchange.stepIndex;
      task.append(link);
    }
    while (live.tBodies[0].rows.length > 200) live.tBodies[0].deleteRow(-1);
  });
}
