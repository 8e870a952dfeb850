"use strict";
// Keeps the list live, and gives it keys. All text goes in as text: nothing here makes markup.

const SYMBOLS = {
  none: "no symbols", incomplete: "symbols incomplete", complete: "symbols complete",
};
const live = document.getElementById("live");
const groups = document.getElementById("groups");
const report = document.getElementById("report");

function element(name, style, text) {
  const made = document.createElement(name);
  if (style) made.className = style;
  if (text !== undefined) made.textContent = text;
  return made;
}

function moment(text) {
  return text.slice(0, 19).replace("T", " ") + " UTC";
}

function makeGroup(found) {
  const row = found.newest;
  const item = element("li", "group");
  item.dataset.group = found.group;
  const link = element("a", "row");
  link.href = found.count === 1 ? "/reports/" + encodeURIComponent(row.rxid)
    : "/?group=" + encodeURIComponent(found.group);
  const what = element("span", "what");
  what.append(element("bdi", "name", found.group));
  if (row.headline && row.headline !== found.group) what.append(element("bdi", "sub", row.headline));
  const meta = element("span", "meta");
  meta.append(element("bdi", "", row.product), " ", element("bdi", "", found.versions.join(", ")));
  link.append(
    element("span", "count", found.count.toLocaleString("en")), what, meta,
    element("span", "symbols " + row.symbols, SYMBOLS[row.symbols] || ""),
    element("time", "", moment(row.received)));
  item.append(link);
  return item;
}

let loading = false;
let again = false;

async function loadGroups(fresh) {
  if (loading) { again = true; return; }
  loading = true;
  try {
    const answer = await fetch("/api/groups", { headers: { accept: "application/json" } });
    if (!answer.ok) return;
    const found = (await answer.json()).groups;
    const focused = document.activeElement && document.activeElement.closest("[data-group]");
    const kept = focused && focused.dataset.group;
    groups.replaceChildren(...found.map(makeGroup));
    for (const item of groups.children) {
      if (fresh && item.dataset.group === fresh) {
        item.classList.add("fresh");
        setTimeout(() => item.classList.remove("fresh"), 2500);
      }
      if (item.dataset.group === kept) item.firstElementChild.focus({ preventScroll: true });
    }
    const total = found.reduce((sum, row) => sum + row.count, 0);
    const shown = document.getElementById("total");
    if (shown && Number(shown.textContent) < total) shown.textContent = String(total);
    document.title = total + (total === 1 ? " report" : " reports") + " – crashtool inbox";
  } catch (error) {
    live.textContent = "the list could not be loaded; trying again";
    setTimeout(loadGroups, 2000, fresh);
  } finally {
    loading = false;
    if (again) { again = false; loadGroups(fresh); }
  }
}

// What was said between the page and the first listening is heard of only by asking.
async function catchUp() {
  if (groups && groups.dataset.live) loadGroups();
  if (!report) return;
  try {
    const answer = await fetch("/api/reports/" + encodeURIComponent(report.dataset.rxid));
    if (answer.ok) renewReport(await answer.json());
  } catch (error) {
    setTimeout(catchUp, 2000);
  }
}

function renewReport(row) {
  const changed = report.dataset.headline !== (row.headline || "")
    || report.dataset.symbols !== row.symbols;
  if (row.headline && changed) location.reload();
}

function listen() {
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => {
    live.className = "live";
    live.textContent = "live";
    live.dataset.state = "open";
    catchUp();
  });
  source.addEventListener("error", () => {
    live.dataset.state = "lost";
    live.className = "live lost";
    live.textContent = "not connected; trying again";
  });
  source.addEventListener("report", (event) => {
    const row = JSON.parse(event.data);
    live.textContent = row.headline ? "arrived: " + row.headline : "a report arrived";
    if (groups && groups.dataset.live) loadGroups(row.group);
    if (report && report.dataset.rxid === row.rxid) renewReport(row);
  });
  source.addEventListener("reload", catchUp);
}

function move(step) {
  const rows = Array.from(document.querySelectorAll("a.row"));
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))].focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
  if (typing) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.key === "/") { event.preventDefault(); document.getElementById("q").focus(); }
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "i") location.href = "/";
});

for (const choice of document.querySelectorAll("form.filter select")) {
  choice.addEventListener("change", () => choice.form.requestSubmit());
}

listen();
