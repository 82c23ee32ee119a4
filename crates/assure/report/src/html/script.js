// The page reads without this. It adds the filter, the sorting, and the switch of colours.
"use strict";

(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);

  // Storage is refused to some pages opened from a disk; then the choice lasts as long as the page.
  const remember = {
    get: () => { try { return localStorage.getItem("casemate-theme"); } catch { return null; } },
    set: (theme) => { try { localStorage.setItem("casemate-theme", theme); } catch { /* see above */ } },
  };

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = $("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const showTheme = () => { button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  const chosen = remember.get();
  if (chosen === "light" || chosen === "dark") root.dataset.theme = chosen;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    remember.set(root.dataset.theme);
    showTheme();
  });
  dark.addEventListener("change", showTheme);
  showTheme();
  button.hidden = false;

  const form = $("filter");
  const table = $("table");
  if (!form || !table) return;

  const groups = [...table.tBodies];
  const rows = groups.flatMap((group, at) =>
    [...group.querySelectorAll(".finding")].map((element, place) => ({
      element,
      group,
      order: at * 10000 + place,
      text: element.textContent.toLowerCase() + " " + group.rows[0].textContent.toLowerCase(),
      ...element.dataset,
    })),
  );

  const filter = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set([...form.querySelectorAll("[name=severity]:checked")].map((box) => box.value));
    const value = (name) => form.elements[name]?.value ?? "";
    const [family, kind, accepted] = ["family", "kind", "accepted"].map(value);
    const matches = (row) =>
      severities.has(row.severity) &&
      (!family || row.family === family) &&
      (!kind || row.kind === kind) &&
      (!accepted || (accepted === "yes") === ("accepted" in row)) &&
      words.every((word) => row.text.includes(word));
    const alive = new Set();
    let shown = 0;
    for (const row of rows) {
      row.element.hidden = !matches(row);
      if (row.element.hidden) continue;
      alive.add(row.group);
      shown += 1;
    }
    for (const group of groups) group.hidden = !alive.has(group);
    const all = rows.length.toLocaleString("en");
    $("shown").textContent = shown === rows.length ? `${all} findings` : `${shown.toLocaleString("en")} of ${all} findings`;
    $("none").hidden = shown > 0;
    table.hidden = shown === 0;
  };

  const flat = document.createElement("tbody");
  flat.className = "flat";
  const heads = [...table.tHead.rows[0].cells];
  const compare = {
    severity: (a, b) => b.rank - a.rank,
    rule: (a, b) => (a.rule < b.rule ? -1 : a.rule > b.rule ? 1 : 0),
    kind: (a, b) => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : 0),
    asset: () => 0,
  };

  const sort = (head) => {
    const key = head.dataset.sort;
    // The worst first is the highest rank first.
    const [usual, other] = key === "severity" ? ["descending", "ascending"] : ["ascending", "descending"];
    const turned = key !== "asset" && head.getAttribute("aria-sort") === usual;
    for (const each of heads) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", turned ? other : usual);
    const direction = turned ? -1 : 1;
    rows.sort((a, b) => direction * compare[key](a, b) || a.order - b.order);
    if (key === "asset") {
      // By asset is how the page was made: every finding goes back under its own heading.
      flat.remove();
      for (const row of rows) row.group.append(row.element);
      for (const group of groups) table.append(group);
    } else {
      for (const group of groups) group.remove();
      flat.append(...rows.map((row) => row.element));
      table.append(flat);
    }
  };

  for (const head of heads) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => sort(head));
    head.replaceChildren(button);
  }

  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  form.hidden = false;

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      $("search").focus();
    }
    if (event.key === "Escape" && event.target === $("search")) {
      $("search").value = "";
      filter();
    }
  });

  // A browser that goes back keeps what was typed.
  filter();
})();
