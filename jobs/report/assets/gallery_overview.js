"use strict";
// The head of the page: how every score is spread over the tiles, where the gate drew its line, and what it rejected.

const BINS = 24;
const LIMIT = /^(\w+)([<>])(-?[\d.]+(?:e[+-]?\d+)?)$/;

/** An SVG element; attributes are numbers and names from this file, never text of the data. */
function s(tag, attributes, ...children) {
  const element = document.createElementNS(document.querySelector("svg").namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** The threshold of a score where some reason names it, such as "seam>0.16". */
function limitOf(key) {
  for (const tile of data.tiles) {
    for (const reason of tile.reasons) {
      const parts = LIMIT.exec(reason);
      if (parts && parts[1] === key) return { value: Number(parts[3]), above: parts[2] === ">" };
    }
  }
  return null;
}

/** Tiles by the bin of a score: [accepted, others] for each; whole numbers have a bin each where they fit. */
function histogram(score, values, low, high) {
  const whole = values.every(([value]) => Number.isInteger(value)) && high - low < BINS;
  const bins = Array.from({ length: whole ? high - low + 1 : BINS }, () => [0, 0]);
  const place = (value) => whole ? value - low : Math.min(BINS - 1, Math.floor((value - low) / (high - low || 1) * BINS));
  for (const [value, accepted] of values) bins[place(value)][accepted ? 0 : 1] += 1;
  return bins;
}

function spread(score) {
  const values = data.tiles.filter((tile) => score.key in tile.scores).map((tile) => [tile.scores[score.key], tile.status === "accepted"]);
  const sorted = values.map(([value]) => value).sort((a, b) => a - b);
  const [low, high, median] = [sorted[0], sorted[sorted.length - 1], sorted[Math.floor(sorted.length / 2)]];
  const bins = histogram(score, values, low, high);
  const most = Math.max(...bins.map(([good, bad]) => good + bad));
  const bars = bins.flatMap(([good, bad], at) => {
    const [x, width] = [at * 240 / bins.length + 0.5, 240 / bins.length - 1];
    const [tall, short] = [(good + bad) / most * 56, bad / most * 56];
    return [s("rect", { x, width, y: 60 - tall, height: tall - short, class: "good" }), s("rect", { x, width, y: 60 - short, height: short, class: "bad" })];
  });
  const limit = limitOf(score.key);
  const drawn = limit !== null && limit.value >= low && limit.value <= high && high > low;
  const whole = bins.length !== BINS; // then a limit lies between two bars
  const at = drawn ? 240 * (whole ? (limit.value - low + Number(limit.above)) / bins.length : (limit.value - low) / (high - low)) : 0;
  const line = drawn ? [s("line", { x1: at, x2: at, y1: 0, y2: 60, class: "limit" })] : [];
  const told = score.label + ": " + scoreText(score, low) + " to " + scoreText(score, high) + ", median " + scoreText(score, median) + (limit === null ? "" : ", threshold " + limit.value);
  return h("li", { className: "spread" },
    h("button", { type: "button", title: "Sort by this score", onclick: () => { $("sort").value = state.sort = score.key; update(); } }, score.label),
    s("svg", { viewBox: "0 0 240 60", preserveAspectRatio: "none", role: "img", "aria-label": told }, ...bars, ...line),
    h("span", { className: "ends" }, h("span", { textContent: scoreText(score, low) }), h("span", { textContent: "median " + scoreText(score, median) }), h("span", { textContent: scoreText(score, high) })));
}

/** Bars of reasons, the most frequent first; a press shows the tiles that were rejected for it, another all of them. */
function reasonBars() {
  const counted = tally(data.tiles.flatMap((tile) => [...new Set(tile.reasons)])).sort(([, a], [, b]) => b - a);
  const most = Math.max(...counted.map(([, number]) => number));
  return counted.map(([reason, number]) => {
    const bar = h("i", {});
    bar.style.width = number / most * 100 + "%";
    const button = h("button", { type: "button", onclick: () => { state.reason = state.reason === reason ? "" : reason; update(); } },
      h("span", { className: "name", textContent: reason }), h("span", { className: "bar" }, bar), h("b", { textContent: String(number) }));
    button.reason = reason;
    return h("li", {}, button);
  });
}

function showReason() {
  for (const button of $("reasons").querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.reason === state.reason));
}

function buildOverview() {
  const scores = data.scores.filter((score) => score.key !== "num_objects");
  $("overview").hidden = data.tiles.length < 2 || !scores.length;
  if ($("overview").hidden) return;
  $("overview").open = matchMedia("(min-width: 861px)").matches; // a small window shows pictures first
  $("spreads").append(...scores.map(spread));
  const bars = reasonBars();
  $("rejected").hidden = !bars.length;
  $("reasons").append(...bars);
}
