"use strict";
(() => {
  // Times in the visitor's zone; the tooltip keeps UTC.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
  const localize = root => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      if (!Number.isNaN(at.getTime())) {
        time.textContent = local.format(at);
      }
    }
  };
  localize(document);

  // Copy buttons.
  if (navigator.clipboard) {
    for (const button of document.querySelectorAll("button[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(button.dataset.copy);
        const before = button.textContent;
        button.textContent = "✓";
        setTimeout(() => { button.textContent = before; }, 1200);
      });
    }
  }

  // Keyboard.
  const rows = () => [...document.querySelectorAll("[data-row]")];
  let at = -1;
  const move = by => {
    const all = rows();
    if (all.length === 0) {
      return;
    }
    all[at]?.classList.remove("current");
    at = Math.min(Math.max(at + by, 0), all.length - 1);
    all[at].classList.add("current");
    all[at].scrollIntoView({ block: "nearest" });
  };
  const help = document.getElementById("keys");
  document.addEventListener("keydown", event => {
    const inField = event.target instanceof HTMLElement && event.target.matches("input, textarea, select");
    if (event.key === "Escape") {
      if (inField) {
        event.target.blur();
      } else if (!help.open) {
        document.querySelector("a[data-back]")?.click();
      }
      return;
    }
    if (inField || help.open || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key === "j" || event.key === "k") {
      move(event.key === "j" ? 1 : -1);
    } else if (event.key === "Enter" && at >= 0 && !(event.target instanceof HTMLElement && event.target.matches("a, button, summary"))) {
      rows()[at].querySelector("a")?.click();
    } else if (event.key === "/") {
      const search = document.querySelector("input[type=search]");
      if (search) {
        event.preventDefault();
        search.focus();
      }
    } else if (event.key === "?") {
      help.showModal();
    }
  });

  // Live table: one row for each exchange, the newest first.
  const live = document.querySelector("[data-events]");
  if (live) {
    const state = document.getElementById("live-state");
    const source = new EventSource(live.dataset.events);
    source.onopen = () => { state.textContent = "connected"; state.className = "badge good"; };
    source.onerror = () => { state.textContent = "reconnecting"; state.className = "badge open"; };
    source.addEventListener("exchange", event => {
      const e = JSON.parse(event.data);
      const row = document.createElement("tr");
      row.className = "fresh";
      row.setAttribute("data-row", "");
      const cell = (text, name) => { const td = document.createElement("td"); td.textContent = text ?? "–"; td.className = name ?? ""; row.append(td); return td; };
      cell(local.format(new Date(e.startedAt)), "nowrap");
      const task = cell("", "main-cell");
      if (e.taskId) {
        const link = document.createElement("a");
        link.href = `${live.dataset.base}/trajectories/${encodeURIComponent(e.taskId)}`;
        link.textContent = e.taskId.length > 12 ? "…" + e.taskId.slice(-8) : e.taskId;
        task.append(link, e.stepIndex ? ` step ${e.stepIndex}` : "");
      } else {
        task.textContent = "side call";
      }
      cell(e.model);
      cell(e.client, "wide");
      cell(e.httpStatus || "no response", "number");
      cell(e.durationMs == null ? null : `${Math.round(e.durationMs)} ms`, "number");
      cell(e.costUsd == null ? null : `$${e.costUsd.toFixed(4)}`, "number");
      cell(e.examples || "", "number");
      live.prepend(row);
      document.getElementById("live-empty")?.remove();
      while (live.children.length > 100) {
        live.lastElementChild.remove();
      }
    });
    addEventListener("pagehide", () => source.close());
  }

  // Template editor: the checker's findings, as one types.
  const editor = document.querySelector("textarea[data-check]");
  if (editor) {
    const list = document.getElementById("diagnostics");
    let timer = 0;
    let running = null;
    const check = async () => {
      running?.abort();
      running = new AbortController();
      try {
        const body = new URLSearchParams(new FormData(editor.form));
        const response = await fetch(editor.dataset.check, { method: "POST", body, signal: running.signal });
        if (!response.ok) {
          return;
        }
        const found = await response.json();
        list.replaceChildren(...(found.length === 0 ? [{ text: "No findings." }] : found).map(f => {
          const item = document.createElement("li");
          item.textContent = f.text;
          if (f.isError) {
            item.className = "bad";
          }
          return item;
        }));
      } catch (error) {
        if (error.name !== "AbortError") {
          throw error;
        }
      }
    };
    editor.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(check, 400); });
  }
})();
