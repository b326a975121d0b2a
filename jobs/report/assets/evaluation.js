"use strict";
(() => {
  const { table, metrics, sheets } = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const row = (cells) => { const line = make("tr", ""); line.append(...cells); return line; };
  const said = (cell) => `${cell.mean.toFixed(3)}  (${cell.low.toFixed(3)} to ${cell.high.toFixed(3)})`;
  const arrow = (name) => ({ true: " ↑", false: " ↓" })[metrics[name].up] ?? "";

  at("summary").textContent = table.description;
  at("by").textContent = `By a bootstrap over casts and prompts. Measured by ${table.measured_by.join(", ")}.`;

  for (const group of [...new Set(table.cells.map((cell) => cell.subjects))]) {
    const own = table.cells.filter((cell) => cell.subjects === group);
    const names = Object.keys(metrics).filter((name) => own.some((cell) => cell.metric === name));
    const grid = make("table", "");
    grid.append(row([make("th", `${group} concept${group === "1" ? "" : "s"}`), ...names.map((name) => make("th", metrics[name].label + arrow(name)))]));
    for (const model of table.models) {
      const mine = own.filter((cell) => cell.model === model);
      if (!mine.length) continue;
      grid.append(row([make("th", model, { scope: "row" }), ...names.map((name) => {
        const cell = mine.find((each) => each.metric === name);
        const all = own.filter((each) => each.metric === name).map((each) => each.mean);
        const low = Math.min(...all), high = Math.max(...all);
        const node = make("td", "", cell ? { title: `${cell.count} pictures, ${cell.casts} casts, ${cell.prompts} prompts` } : {});
        if (cell) node.append(make("b", cell.mean.toFixed(3)), make("small", `${cell.low.toFixed(3)} to ${cell.high.toFixed(3)}`));
        if (cell && high > low && metrics[name].up !== null) {
          const share = (cell.mean - low) / (high - low);
          node.style.setProperty("--heat", 35 * (metrics[name].up ? share : 1 - share));
        }
        return node;
      })]));
    }
    const frame = make("div", "", { class: "scroll" });
    frame.append(grid);
    at("tables").append(frame);
  }

  if (table.ratios.length) {
    at("compared").hidden = false;
    at("ratios").append(row(["", "concepts", "metric", "ratio"].map((text) => make("th", text))));
    for (const each of table.ratios) {
      at("ratios").append(row([make("th", `${each.model} / ${each.over}`, { scope: "row" }), make("td", each.subjects), make("td", metrics[each.metric].label), make("td", said(each))]));
    }
  }

  for (const size of [...new Set(sheets.map((sheet) => sheet.subjects))].sort((a, b) => a - b)) {
    at("drawn").hidden = false;
    let last = "";
    for (const sheet of sheets.filter((each) => each.subjects === size)) {
      if (sheet.model !== last) at("drawn").append(make("p", `${sheet.model}, ${size} concept${size === 1 ? "" : "s"}`));
      last = sheet.model;
      const frame = make("div", "", { class: "frame scroll" });
      frame.append(make("img", "", { src: `data:image/jpeg;base64,${sheet.sheet}`, alt: sheet.captions.join("; "), title: sheet.captions.join("\n") }));
      at("drawn").append(frame);
    }
  }

  for (const each of Object.values(metrics)) at("metrics").append(make("dt", each.label), make("dd", each.about));
})();
