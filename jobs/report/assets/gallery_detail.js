// The detail view: one image with its layers, objects and lineage.

const HUES = ["#ff6b5e", "#3fb6ff", "#ffc740", "#57d38c", "#bb96ff", "#ff8fd0", "#9ccf3c", "#ff9f45"];
let current = null;

function openDetail(tile) {
  current = tile;
  const place = shown.indexOf(tile);
  $("position").textContent = place + 1 + " of " + shown.length;
  $("previous").disabled = place <= 0;
  $("next").disabled = place === shown.length - 1;
  drawFrame(tile);
  drawPanel(tile);
  drawCutouts(tile);
  if (!$("detail").open) $("detail").showModal();
  $("detail").focus();
  document.querySelector(".panel").scrollTop = $("detail").scrollTop = 0;
  setHash("#sample=" + encodeURIComponent(tile.id));
}

function step(by) {
  const next = shown[shown.indexOf(current) + by];
  if (next) openDetail(next);
}

function onClose() {
  setHash("");
  if (shown.includes(current)) current.button.focus();
  current = null;
}

function setHash(hash) {
  try {
    history.replaceState(null, "", hash || location.pathname + location.search);
  } catch { /* a browser may refuse this to local files; nothing else depends on it */ }
}

function openFromHash() {
  const id = new URLSearchParams(location.hash.slice(1)).get("sample");
  const tile = data.tiles.find((candidate) => candidate.id === id);
  if (!tile) return;
  if (!shown.includes(tile)) reset();
  openDetail(tile);
}

// The image and what lies over it

function hue(number) {
  return HUES[number % HUES.length];
}

/** An element over a part of the image (xyxy in 0..1), in an object's colour. */
function overlay(className, [x0, y0, x1, y1], number, ...children) {
  const element = h("div", { className }, ...children);
  const percent = { left: x0, top: y0, width: x1 - x0, height: y1 - y0 };
  for (const [side, value] of Object.entries(percent)) element.style[side] = 100 * value + "%";
  element.style.setProperty("--hue", hue(number));
  element.dataset.object = number;
  return element;
}

function tint(object, number) {
  const element = overlay("tint", object.mask.box, number);
  element.style.setProperty("--alpha", 'url("' + webp(object.mask.src) + '")');
  return element;
}

function drawFrame(tile) {
  const picture = tile.pictures.large || tile.pictures.thumb;
  const frame = $("frame");
  frame.style.setProperty("--ratio", tile.pictures.ratio);
  frame.replaceChildren(
    picture
      ? h("img", { src: webp(picture), alt: tile.caption, className: tile.pictures.alpha ? "checks" : "" })
      : h("p", { className: "missing", textContent: "no readable image" }),
    h("div", { className: "isolated checks" }, h("canvas")),
    ...tile.objects.map((object, number) => (object.mask ? tint(object, number) : null)).filter(Boolean),
    ...tile.objects.map((object, number) => overlay("box", object.box, number, h("span", { textContent: object.name }))),
  );
  $("layers").hidden = tile.objects.length === 0;
}

function toggleLayer(name) {
  const on = $("frame").classList.toggle(name);
  $("layers").querySelector('[data-layer="' + name + '"]').setAttribute("aria-pressed", String(on));
}

/** One object alone: its box and mask show, those of the others fade. */
function highlight(number) {
  $("frame").classList.toggle("dim", number !== null);
  for (const element of $("frame").querySelectorAll("[data-object]")) {
    element.classList.toggle("lit", number !== null && element.dataset.object === String(number));
  }
}

async function loaded(base64) {
  const image = h("img", { src: webp(base64) });
  await image.decode();
  return image;
}

/** The image inside an object's mask, cropped to it. */
async function cutout(image, mask) {
  const [x0, y0, x1, y1] = mask.box;
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const canvas = h("canvas", { width: Math.max(1, Math.round((x1 - x0) * width)), height: Math.max(1, Math.round((y1 - y0) * height)) });
  const pen = canvas.getContext("2d");
  pen.drawImage(image, -x0 * width, -y0 * height);
  pen.globalCompositeOperation = "destination-in";
  pen.drawImage(await loaded(mask.src), 0, 0, canvas.width, canvas.height);
  return canvas;
}

async function drawCutouts(tile) {
  const picture = tile.pictures.large || tile.pictures.thumb;
  if (!picture || tile.objects.every((object) => !object.mask)) return;
  const together = $("frame").querySelector(".isolated canvas");
  const previews = [...$("panel").querySelectorAll(".preview")]; // taken before the first wait: the view may move on
  const image = await loaded(picture);
  together.width = image.naturalWidth;
  together.height = image.naturalHeight;
  tile.objects.forEach(async (object, number) => {
    if (!object.mask) return;
    const alone = await cutout(image, object.mask);
    together.getContext("2d").drawImage(alone, object.mask.box[0] * image.naturalWidth, object.mask.box[1] * image.naturalHeight);
    previews[number].replaceChildren(alone);
  });
}

// The panel

function facts(pairs) {
  return h("dl", { className: "facts" }, ...pairs.flatMap(([label, text]) => [h("dt", { textContent: label }), h("dd", { textContent: text })]));
}

function section(title, body) {
  return body ? [h("h3", { textContent: title }), body] : [];
}

/** The template with each `{obj_n}` underlined in its object's colour. */
function templateLine(tile) {
  const parts = tile.template.split(/(\{obj_\d+\})/).map((part) => {
    const number = /^\{obj_(\d+)\}$/.exec(part);
    if (!number) return part;
    const mark = h("mark", { textContent: part });
    mark.style.setProperty("--hue", hue(Number(number[1]) - 1));
    return mark;
  });
  return h("p", { className: "template" }, ...parts);
}

function ratingLine(tile) {
  const line = h("div", { className: "rating", role: "group" });
  line.setAttribute("aria-label", "Rating");
  for (const stars of [1, 2, 3, 4, 5]) {
    const button = h("button", { type: "button", onclick: () => rateCurrent(stars) });
    button.setAttribute("aria-label", stars + (stars === 1 ? " star" : " stars"));
    line.append(button);
  }
  return line;
}

function rateCurrent(stars) {
  rate(current, stars);
  showRatingLine(current);
}

function showRatingLine(tile) {
  const stars = ratings.get(tile.id) ?? 0;
  [...$("panel").querySelectorAll(".rating button")].forEach((button, number) => {
    button.textContent = number < stars ? "★" : "☆";
    button.classList.toggle("on", number < stars);
    button.setAttribute("aria-pressed", String(number + 1 === stars));
  });
}

function objectItem(object, number) {
  const swatch = h("i", { className: "swatch" });
  swatch.style.setProperty("--hue", hue(number));
  const item = h("li", { className: "object", tabIndex: 0 }, h("div", { className: "preview checks" }),
    h("div", {}, h("h4", {}, swatch, object.name), facts(object.facts)));
  for (const event of ["mouseenter", "focus"]) item.addEventListener(event, () => highlight(number));
  for (const event of ["mouseleave", "blur"]) item.addEventListener(event, () => highlight(null));
  return item;
}

function drawPanel(tile) {
  const scores = data.scores.filter((score) => score.key in tile.scores).map((score) => [score.label, scoreText(score, tile.scores[score.key])]);
  $("panel").replaceChildren(
    h("p", { className: "verdict" }, h("i", { className: "dot " + statusClass(tile.status) }), tile.status || "no status",
      h("span", { className: "why", textContent: tile.reasons.join(", ") })),
    h("h2", { id: "detail-caption", textContent: tile.caption || tile.id }),
    tile.template ? templateLine(tile) : "",
    ratingLine(tile),
    ...section("Scores", scores.length ? facts(scores) : null),
    ...section("Objects", tile.objects.length ? h("ul", { className: "objects" }, ...tile.objects.map(objectItem)) : null),
    ...section("Lineage", facts(tile.lineage)),
    ...section("Models", tile.models.length ? facts(tile.models) : null),
  );
  highlight(null);
  showRatingLine(tile);
}

function onDetailKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const layer = { b: "boxes", m: "masks", c: "cutouts" }[event.key.toLowerCase()];
  if (layer && current.objects.length) toggleLayer(layer);
  else if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
  else if (/^[0-5]$/.test(event.key)) rateCurrent(Number(event.key));
  else return;
  event.preventDefault();
}

function listenDetail() {
  $("detail").addEventListener("close", onClose);
  $("detail").addEventListener("keydown", onDetailKey);
  $("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
  $("close").addEventListener("click", () => $("detail").close());
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  for (const button of $("layers").children) button.addEventListener("click", () => toggleLayer(button.dataset.layer));
  addEventListener("hashchange", openFromHash);
}

data.tiles.forEach(makeTile);
buildToolbar();
buildFailures();
buildSummary();
buildOverview();
showRatedCount();
listen();
listenDetail();
update();
openFromHash();
