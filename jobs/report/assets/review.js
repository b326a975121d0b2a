"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const NAMES = { accept: "Accept", reject: "Reject", took: "Took something along" };
  const KEYS = { a: "accept", r: "reject", t: "took" };
  const list = document.getElementById("list");
  const download = document.getElementById("download");
  const verdicts = new Map();
  let here = 0;

  const remembered = () => {
    try { return JSON.parse(localStorage.getItem(data.key)) || {}; } catch { return {}; }
  };
  const remember = () => {
    try { localStorage.setItem(data.key, JSON.stringify(Object.fromEntries(verdicts))); } catch { /* a private window keeps nothing */ }
  };
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };

  const tell = () => {
    const count = data.cutouts.length;
    document.getElementById("summary").textContent =
      `${count} cut-outs, worst first; ${verdicts.size} judged. Then: mycanvas library exclude LIB --csv verdicts.csv`;
    download.disabled = verdicts.size === 0;
  };
  const show = (index) => {
    const verdict = verdicts.get(data.cutouts[index].cutout_id) || "";
    const tile = list.children[index];
    tile.dataset.verdict = verdict;
    for (const button of tile.querySelectorAll("button")) button.setAttribute("aria-pressed", String(button.value === verdict));
  };
  const go = (index) => {
    list.children[here].classList.remove("here");
    here = Math.max(0, Math.min(index, data.cutouts.length - 1));
    list.children[here].classList.add("here");
    list.children[here].scrollIntoView({ block: "nearest" });
  };
  const judge = (index, verdict) => {
    const id = data.cutouts[index].cutout_id;
    if (verdicts.get(id) === verdict) verdicts.delete(id); else verdicts.set(id, verdict);
    remember();
    show(index);
    tell();
  };

  data.cutouts.forEach((cutout, index) => {
    const tile = make("article", "");
    tile.append(make("img", "", { src: `data:image/webp;base64,${cutout.picture}`, alt: `${cutout.concept}: photo, matte over magenta and white, edge`, width: 960, height: 240, loading: "lazy" }));
    const facts = make("div", "", { class: "facts" });
    facts.append(make("strong", cutout.concept), make("span", cutout.class_name));
    facts.append(make("span", cutout.quality === null ? "no quality" : `quality ${cutout.quality.toFixed(3)}`));
    if (cutout.cut_borders.length) facts.append(make("span", `cut at ${cutout.cut_borders.join(", ")}`));
    for (const note of cutout.notes) facts.append(make("span", note.replaceAll("_", " ")));
    if (cutout.excluded) facts.append(make("span", `excluded: ${cutout.excluded}`));
    facts.append(make("span", cutout.cutout_id));
    const buttons = make("div", "", { class: "verdicts" });
    for (const [value, name] of Object.entries(NAMES)) {
      const button = make("button", name, { type: "button", value, "aria-pressed": "false" });
      button.addEventListener("click", () => { go(index); judge(index, value); });
      buttons.append(button);
    }
    facts.append(buttons);
    tile.append(facts);
    list.append(tile);
  });

  const known = new Set(data.cutouts.map((cutout) => cutout.cutout_id));
  for (const [id, verdict] of Object.entries(remembered())) if (known.has(id) && verdict in NAMES) verdicts.set(id, verdict);
  data.cutouts.forEach((_, index) => show(index));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key in KEYS) { judge(here, KEYS[key]); go(here + 1); }
    else if (key === "j" || key === "arrowdown") go(here + 1);
    else if (key === "k" || key === "arrowup") go(here - 1);
    else return;
    event.preventDefault();
  });
  download.addEventListener("click", () => {
    const lines = ["cutout_id,verdict", ...[...verdicts].map(([id, verdict]) => `${id},${verdict}`)];
    const link = make("a", "", { href: URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" })), download: "verdicts.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  go(0);
  tell();
})();
