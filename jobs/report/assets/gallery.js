"use strict";
// The grid: tiles, filters, sorting, ratings, keys. What came with the data becomes text nodes and attributes of
// pictures only; nothing here parses markup.

const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const state = { query: "", status: "all", concepts: new Set(), scene: "", reason: "", sort: "", descending: false };
const ratings = loadRatings();
let shown = data.tiles;

/** An element with properties and children; strings become text nodes. */
function h(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

function webp(base64) {
  return "data:image/webp;base64," + base64;
}

function scoreText(score, value) {
  return value === undefined ? "–" : value.toFixed(score.digits) + score.unit;
}

// Tiles

function makeTile(tile) {
  const picture = h("span", { className: "picture" + (tile.pictures.alpha ? " checks" : "") });
  picture.append(tile.pictures.thumb
    ? h("img", { src: webp(tile.pictures.thumb), alt: "", decoding: "async", draggable: false })
    : h("span", { className: "missing", textContent: "no readable image" }));
  tile.stars = h("span", { className: "stars", hidden: true });
  picture.append(tile.stars);
  tile.numbers = h("span", { className: "numbers" });
  tile.button = h("button", { className: "tile", type: "button", tabIndex: -1 },
    picture,
    h("span", { className: "caption" }, tile.status ? h("i", { className: "dot " + statusClass(tile.status) }) : null, tile.caption || tile.id),
    tile.reasons.length ? h("span", { className: "why", textContent: tile.reasons.join(", ") }) : null,
    tile.numbers);
  tile.button.addEventListener("click", () => openDetail(tile));
  tile.button.addEventListener("focus", () => setTabStop(tile));
  tile.element = h("li", {}, tile.button);
  tile.words = (tile.caption + "\n" + tile.template + "\n" + tile.id).toLowerCase();
  showRating(tile);
}

function statusClass(status) {
  return status === "accepted" || status === "rejected" ? status : "";
}

/** Three numbers a tile, the one that is sorted by first. */
function showNumbers(tile) {
  const known = data.scores.filter((score) => score.key in tile.scores && score.key !== "num_objects");
  const sorted = data.scores.filter((score) => score.key === state.sort);
  const chosen = [...sorted, ...known.filter((score) => score.key !== state.sort)].slice(0, 3);
  tile.numbers.replaceChildren(...chosen.map((score) => h("span",
    { className: score.key === state.sort ? "lead" : "", textContent: score.short + " " + scoreText(score, tile.scores[score.key]) })));
}

function setTabStop(tile) {
  for (const other of data.tiles) other.button.tabIndex = other === tile ? 0 : -1;
}

// Filter and sort

function matches(tile) {
  return (state.status === "all" || tile.status === state.status)
    && (!state.scene || tile.scene === state.scene)
    && (!state.reason || tile.reasons.includes(state.reason))
    && [...state.concepts].every((concept) => tile.concepts.includes(concept))
    && tile.words.includes(state.query);
}

/** Tiles by a score, unknown scores last whichever way; equal ones stay in the order of the dataset. */
function inOrder(tiles) {
  const sign = state.descending ? -1 : 1;
  if (!state.sort) return state.descending ? [...tiles].reverse() : tiles;
  const value = (tile) => tile.scores[state.sort];
  const [known, unknown] = [tiles.filter((tile) => value(tile) !== undefined), tiles.filter((tile) => value(tile) === undefined)];
  return [...known.sort((a, b) => sign * (value(a) - value(b))), ...unknown];
}

function update() {
  shown = state.status === "failed" ? [] : inOrder(data.tiles.filter(matches));
  data.tiles.forEach(showNumbers);
  $("grid").replaceChildren(...shown.map((tile) => tile.element));
  if (shown.length) setTabStop(shown[0]);
  $("empty").hidden = shown.length > 0 || state.status === "failed";
  $("failed").hidden = !data.failures.length || !["all", "failed"].includes(state.status);
  $("shown").textContent = state.status === "failed" ? data.failures.length + " failed" : shown.length + " of " + data.tiles.length + " shown";
  for (const button of $("statuses").children) button.setAttribute("aria-pressed", String(button.value === state.status));
  $("direction").setAttribute("aria-label", state.descending ? "Descending; switch to ascending" : "Ascending; switch to descending");
  $("direction").classList.toggle("up", !state.descending);
  showReason();
  $("concepts-label").textContent = state.concepts.size ? [...state.concepts].join(" + ") : "All concepts";
}

function reset() {
  Object.assign(state, { query: "", status: "all", scene: "", reason: "" });
  state.concepts.clear();
  $("query").value = $("scene").value = "";
  for (const input of $("concept-choices").querySelectorAll("input")) input.checked = false;
  update();
}

function tally(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort(([a], [b]) => a.localeCompare(b));
}

// Ratings

function loadRatings() {
  try {
    return new Map(Object.entries(JSON.parse(localStorage.getItem(data.key) ?? "{}")));
  } catch {
    return new Map(); // storage is refused or damaged: ratings last as long as the page
  }
}

function rate(tile, stars) {
  if (stars && ratings.get(tile.id) !== stars) ratings.set(tile.id, stars);
  else ratings.delete(tile.id);
  try {
    localStorage.setItem(data.key, JSON.stringify(Object.fromEntries(ratings)));
  } catch { /* as above */ }
  showRating(tile);
  showRatedCount();
}

function showRating(tile) {
  const stars = ratings.get(tile.id) ?? 0;
  tile.stars.hidden = !stars;
  tile.stars.textContent = "★".repeat(stars);
  tile.button.setAttribute("aria-label", [tile.caption || tile.id, tile.status, ...tile.reasons, stars ? "rated " + stars + " of 5" : ""].filter(Boolean).join(", "));
}

function showRatedCount() {
  $("rated").textContent = String(ratings.size);
  $("download").disabled = ratings.size === 0;
}

/** A CSV field that no spreadsheet takes for a formula. */
function csvField(value) {
  const text = String(value);
  const inert = /^[=+\-@\t\r]/.test(text) ? "'" + text : text;
  return /[",\r\n]/.test(inert) ? '"' + inert.replaceAll('"', '""') + '"' : inert;
}

function labelsCsv() {
  const rated = [...ratings].sort(([a], [b]) => (a < b ? -1 : 1));
  return [["sample_id", "rating"], ...rated].map((row) => row.map(csvField).join(",")).join("\r\n") + "\r\n";
}

function download() {
  const url = URL.createObjectURL(new Blob([labelsCsv()], { type: "text/csv" }));
  h("a", { href: url, download: "labels.csv" }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

// Keys

function columns() {
  return Math.max(1, shown.filter((tile) => tile.element.offsetTop === shown[0].element.offsetTop).length);
}

function moveFocus(tile, key) {
  const place = shown.indexOf(tile);
  const last = shown.length - 1;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[key];
  const target = key === "Home" ? 0 : key === "End" ? last : place + step;
  if (target >= 0 && target <= last) shown[target].button.focus();
}

function onGridKey(event) {
  const tile = shown.find((candidate) => candidate.button === event.target);
  if (!tile || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-5]$/.test(event.key)) rate(tile, Number(event.key));
  else if (/^(Arrow(Left|Right|Up|Down)|Home|End)$/.test(event.key)) moveFocus(tile, event.key);
  else return;
  event.preventDefault();
}

// The page, once

function buildToolbar() {
  const count = (status) => data.tiles.filter((tile) => tile.status === status).length;
  const statuses = [["all", "All", data.tiles.length], ["accepted", "Accepted", count("accepted")], ["rejected", "Rejected", count("rejected")], ["failed", "Failed", data.failures.length]];
  $("statuses").append(...statuses.map(([value, label, number]) => h("button", { type: "button", value, onclick: () => { state.status = value; update(); } },
    value === "all" ? null : h("i", { className: "dot " + value }), label, h("b", { textContent: String(number) }))));
  const scenes = tally(data.tiles.map((tile) => tile.scene).filter(Boolean));
  $("scene-field").hidden = scenes.length < 2;
  $("scene").append(h("option", { value: "", textContent: "All scenes" }), ...scenes.map(([scene, number]) => h("option", { value: scene, textContent: scene + " (" + number + ")" })));
  $("sort").append(h("option", { value: "", textContent: "Dataset order" }), ...data.scores.map((score) => h("option", { value: score.key, textContent: score.label })));
  $("concept-choices").append(...tally(data.tiles.flatMap((tile) => [...new Set(tile.concepts)])).map(([concept, number]) => h("label", {},
    h("input", { type: "checkbox", onchange: (event) => { state.concepts[event.target.checked ? "add" : "delete"](concept); update(); } }),
    h("span", { textContent: concept }), h("span", { className: "count", textContent: String(number) }))));
}

function buildFailures() {
  if (!data.failures.length) return;
  const names = Object.keys(data.failures[0]);
  const wide = new Set(["message", "inputs"]);
  $("failed").querySelector("thead").append(h("tr", {}, ...names.map((name) => h("th", { scope: "col", textContent: name.replace("_", " ") }))));
  $("failed").querySelector("tbody").append(...data.failures.map((failure) => h("tr", {},
    ...names.map((name) => h("td", { className: wide.has(name) ? "wide" : "short", textContent: failure[name] })))));
}

function buildSummary() {
  const of = data.unitsRead < data.units ? "the first " + data.unitsRead + " of " + data.units + " units" : data.units + (data.units === 1 ? " unit" : " units");
  const models = [...new Set(data.tiles.flatMap((tile) => tile.models.map(([name]) => name)))];
  const count = data.tiles.length < data.rowsThere ? data.tiles.length + " of " + data.rowsThere : data.tiles.length;
  $("summary").textContent = [count + " " + data.kind, of, models.join(", ")].filter(Boolean).join(" · ");
}

function listen() {
  $("query").addEventListener("input", (event) => { state.query = event.target.value.trim().toLowerCase(); update(); });
  $("scene").addEventListener("change", (event) => { state.scene = event.target.value; update(); });
  $("sort").addEventListener("change", (event) => { state.sort = event.target.value; update(); });
  $("direction").addEventListener("click", () => { state.descending = !state.descending; update(); });
  $("size").addEventListener("input", (event) => document.documentElement.style.setProperty("--tile", event.target.value + "px"));
  $("reset").addEventListener("click", reset);
  $("download").addEventListener("click", download);
  $("grid").addEventListener("keydown", onGridKey);
  document.addEventListener("click", (event) => { if (!$("concepts").contains(event.target)) $("concepts").open = false; });
  $("concepts").addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    $("concepts").open = false;
    $("concepts").querySelector("summary").focus();
  });
}
