"use strict";

let facts = { models: [], requests: [] };
let before = null;
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function row(cells) {
  const made = element("tr");
  for (const cell of cells) made.append(element("td", cell));
  return made;
}

function slots(found) {
  return Object.entries(found)
    .map(([name, slot]) => `${name}: ${slot.type} ${slot.shape ? `[${slot.shape.map((n) => (n < 0 ? "?" : n)).join(", ")}]` : "of any shape"}`)
    .join("; ");
}

function showModels() {
  const made = facts.models.map((model) => {
    const part = element("article");
    part.append(element("h3", model.name));
    const versions = element("p", "versions: ");
    for (const found of model.versions) {
      const labels = Object.entries(model.labels).filter(([, number]) => number === found.version).map(([label]) => label);
      const text = `${found.version} ${found.state}${labels.length ? ` (${labels.join(", ")})` : ""} `;
      const shown = element("span", text, found.state);
      shown.title = found.error;
      versions.append(shown);
    }
    const table = element("table");
    for (const [name, found] of Object.entries(model.signatures)) {
      table.append(row([name, found.method.split("/").pop(), slots(found.inputs), "→", slots(found.outputs)]));
    }
    part.append(versions, table);
    return part;
  });
  byId("models").replaceChildren(...(made.length ? made : [element("p", "None.")]));
}

function showRequests(seconds) {
  const old = new Map((before || []).map((found) => [`${found.model} ${found.api} ${found.entrypoint}`, found.count]));
  byId("requests").replaceChildren(...facts.requests.map((found) => {
    const last = old.get(`${found.model} ${found.api} ${found.entrypoint}`);
    const rate = last === undefined ? "" : ((found.count - last) / seconds).toFixed(1);
    return row([found.model, found.api, found.entrypoint, found.count, rate, found.mean_ms.toFixed(2), found.p99_ms.toFixed(2)]);
  }));
}

function options(select, names) {
  if (names.join() === [...select.options].map((found) => found.value).join()) return false;
  select.replaceChildren(...names.map((name) => element("option", name)));
  return true;
}

function example(slot) {
  const leaf = { string: "a text", bool: true }[slot.type] ?? (["float", "double"].includes(slot.type) ? 0.5 : 1);
  return (slot.shape || []).slice(1).reduceRight((inner, size) => Array(Math.min(size < 0 ? 1 : size, 4096)).fill(inner), leaf);
}

function features(model) {
  const inputs = model.signatures.serving_default?.inputs || {};
  return Object.fromEntries(Object.entries(inputs).filter(([, slot]) => slot.shape && slot.shape.length < 3)
    .map(([key, slot]) => [key, example(slot)]));
}

function chosen() {
  const model = facts.models.find((found) => found.name === byId("model").value);
  const name = byId("signature").value;
  return [model, name, model && model.signatures[name]];
}

function prefill() {
  const [model, name, found] = chosen();
  if (!found) return;
  const verb = found.method.split("/").pop();
  const inputs = Object.entries(found.inputs);
  const body = verb === "predict"
    ? { instances: [inputs.length === 1 ? example(inputs[0][1]) : Object.fromEntries(inputs.map(([key, slot]) => [key, example(slot)]))] }
    : { examples: [features(model)] };
  byId("body").value = JSON.stringify(name === "serving_default" ? body : { signature_name: name, ...body });
}

function signaturesChanged() {
  const [model] = chosen();
  if (options(byId("signature"), model ? Object.keys(model.signatures) : [])) prefill();
}

async function ask(event) {
  event.preventDefault();
  const [model, , found] = chosen();
  if (!found) return;
  const path = `/v1/models/${encodeURIComponent(model.name)}:${found.method.split("/").pop()}`;
  const body = byId("body").value;
  byId("command").textContent = `curl -d '${body.replaceAll("'", "'\\''")}' ${location.origin}${path}`;
  byId("outcome").textContent = "…";
  const start = performance.now();
  try {
    const response = await fetch(path, { method: "POST", body });
    const text = await response.text();
    byId("outcome").textContent = `${response.status} in ${(performance.now() - start).toFixed(1)} ms`;
    byId("answer").textContent = text;
  } catch (error) {
    byId("outcome").textContent = `No answer: ${error.message}`;
    byId("answer").textContent = "";
  }
}

async function refresh() {
  try {
    const response = await fetch("/page.json");
    before = facts.requests;
    facts = await response.json();
    showModels();
    showRequests(2);
    options(byId("model"), facts.models.map((model) => model.name));
    signaturesChanged();
  } catch (error) {
    byId("models").replaceChildren(element("p", `The server doesn't answer: ${error.message}`));
  }
  setTimeout(refresh, 2000);
}

byId("model").addEventListener("change", signaturesChanged);
byId("signature").addEventListener("change", prefill);
byId("try").addEventListener("submit", ask);
refresh();
