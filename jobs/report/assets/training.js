"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const show = (id) => { at(id).hidden = false; };
  const make = (tag, text, attributes = {}) => {
    const node = document.createElement(tag);
    node.textContent = text;
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    return node;
  };
  const SVG = "http://www.w3.org/2000/svg";

  at("summary").textContent = data.summary;

  for (const concept of data.concepts) {
    const item = make("li", `${concept.concept} `);
    item.append(make("code", `${concept.token} ${concept.class_name}`));
    at("tokens").append(item);
    show("concepts");
  }
  for (const [name, value] of data.facts) at("spec").append(make("dt", name), make("dd", value));

  const path = (points, style) => {
    const node = document.createElementNS(SVG, "path");
    node.setAttribute("d", points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""));
    if (style) node.setAttribute("class", style);
    at("plot").append(node);
  };
  if (data.curve.length > 1) {
    const losses = data.curve.map(([, loss]) => loss);
    const low = Math.min(...losses), high = Math.max(...losses), last = data.curve.at(-1)[0], first = data.curve[0][0];
    const place = ([step, loss]) => [960 * (step - first) / (last - first || 1), 230 - 220 * (loss - low) / (high - low || 1)];
    path(data.curve.map(place), "faint");
    const width = Math.max(1, Math.round(data.curve.length / 20));
    path(data.curve.map(([step], i) => {
      const near = losses.slice(Math.max(0, i - width), i + width + 1);
      return place([step, near.reduce((sum, loss) => sum + loss, 0) / near.length]);
    }));
    at("plot").setAttribute("aria-label", `loss from step ${first} to ${last}`);
    at("ends").textContent = `step ${first} to ${last}; loss ${low.toPrecision(3)} to ${high.toPrecision(3)}; thick: mean of its neighbours`;
    show("curve");
  }

  const matrix = (look) => {
    at("bleeding").hidden = !look.identity;
    if (!look.identity) return;
    at("means").textContent = `Mean cosine of what was drawn for a row's concept with pictures of a column's, by ${look.identity_model}. A column that is high beside the framed diagonal bleeds into other concepts.`;
    const all = look.identity.flat(), low = Math.min(...all), high = Math.max(...all);
    const head = make("tr", "");
    head.append(make("th", "drawn for"), ...look.concepts.map((name) => make("th", `like ${name}`, { scope: "col" })));
    const rows = look.identity.map((values, i) => {
      const row = make("tr", "");
      row.append(make("th", look.concepts[i], { scope: "row" }), ...values.map((value, j) => {
        const cell = make("td", value.toFixed(3), i === j ? { class: "own" } : {});
        cell.style.setProperty("--heat", 70 * (value - low) / (high - low || 1));
        return cell;
      }));
      return row;
    });
    at("matrix").replaceChildren(head, ...rows);
  };
  const look = (number) => {
    const chosen = data.looks[number];
    at("step").textContent = chosen.step;
    at("sheet").src = `data:image/jpeg;base64,${chosen.sheet}`;
    at("sheet").alt = `${chosen.prompts.length} rows of ${chosen.pictures} pictures at step ${chosen.step}`;
    at("words").textContent = `One row for each prompt, ${chosen.pictures} pictures each.`;
    at("prompts").replaceChildren(...chosen.prompts.map((prompt) => make("li", prompt)));
    matrix(chosen);
  };
  if (data.looks.length) {
    const range = at("look");
    range.max = String(data.looks.length - 1);
    range.value = range.max;
    range.addEventListener("input", () => look(Number(range.value)));
    at("when").hidden = data.looks.length < 2;
    show("drawn");
    look(data.looks.length - 1);
  }
})();
