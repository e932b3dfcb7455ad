// Validates a lead while the user types, with the schema that the functions use, and sends it once.
import { texts } from "./texts.js";

const FIELDS = ["name", "lastname", "rut", "phone", "mail", "store"];
const DRAFT = "lead";
const LANGUAGE = "language";
const SECONDS = 15;
const DOUBLE_CLICK_MILLISECONDS = 1000;

const form = document.getElementById("lead");
const button = document.getElementById("send");
const status = document.getElementById("status");

let language = "es";
let sending = false;
let sentAt = -Infinity;
let pressing = false;
let message = null; // The status shown: a text's name, a CSS class and a value for the text.
const touched = new Set();
const rejected = new Map(); // Values that the API rejected, by field.

// --- storage: browsers may block it, and the page works without ----------------------------------

function readStorage(storage, key) {
  try {
    return storage()[key];
  } catch {
    return undefined;
  }
}

function writeStorage(storage, key, value) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // The fields still have the values.
  }
}

const ofThisTab = () => sessionStorage;
const ofThisBrowser = () => localStorage;

// --- the rules, from lead.schema.json ------------------------------------------------------------

let schema = null;
let config = null;

async function load(file) {
  const response = await fetch(file);
  if (!response.ok) throw new Error(`${file}: ${response.status}`);
  return response.json();
}

async function loadRules() {
  schema ??= await load("lead.schema.json");
  config ??= await load("config.json");
}

// Normalizes a value as the functions do.
function normalized(name) {
  const value = form.elements[name].value.normalize("NFC").trim();
  if (name === "rut") return value.replaceAll(".", "").toUpperCase();
  if (name === "phone") return value.replace(/[ \-.()]/g, "");
  return value;
}

function problem(name) {
  const { errors } = texts[language];
  const value = normalized(name);
  if (value === "") return errors.missing;
  if (rejected.get(name) === value) return errors[name] ?? errors.missing;
  const rule = schema?.properties[name] ?? {};
  const options = rule.oneOf?.filter((option) => option.type === "string") ?? [rule];
  if (rule.maxLength && [...value].length > rule.maxLength) return errors.long(rule.maxLength);
  const fits = options.some((option) => !option.pattern || new RegExp(option.pattern, "u").test(value));
  return fits ? "" : (errors[name] ?? errors.missing);
}

function lead() {
  const values = Object.fromEntries(FIELDS.map((name) => [name, normalized(name)]));
  return { ...values, wantsBenefit: form.elements.wantsBenefit.checked, origin: "web" };
}

// --- output --------------------------------------------------------------------------------------

function showProblem(name) {
  const input = form.elements[name];
  const text = touched.has(name) ? problem(name) : "";
  document.getElementById(`${name}-error`).textContent = text;
  input.setAttribute("aria-invalid", String(text !== ""));
  return text === "";
}

function showStatus() {
  const text = message === null ? "" : texts[language][message.name];
  status.textContent = typeof text === "function" ? text(message.value) : text;
  status.className = message?.kind ?? "";
}

function setStatus(name, kind = "", value = "") {
  message = { name, kind, value };
  showStatus();
}

function showLanguage(next) {
  language = next;
  document.documentElement.lang = next;
  for (const element of document.querySelectorAll("[data-text]")) {
    element.textContent = texts[next][element.dataset.text];
  }
  for (const element of document.querySelectorAll("[data-language]")) {
    element.setAttribute("aria-pressed", String(element.dataset.language === next));
  }
  FIELDS.forEach(showProblem);
  showStatus();
}

// Marks the wrong fields, focuses the first one, and returns whether there is any.
function showWrong() {
  FIELDS.forEach((name) => touched.add(name));
  const wrong = FIELDS.filter((name) => !showProblem(name));
  if (wrong.length === 0) return false;
  setStatus("correct", "failed");
  form.elements[wrong[0]].focus();
  return true;
}

// --- sending -------------------------------------------------------------------------------------

function showSending(now) {
  sending = now;
  // Not `disabled`: a disabled button loses the keyboard focus.
  button.setAttribute("aria-disabled", String(now));
}

async function send() {
  // The second click of a double click may come after the response to the first.
  if (sending || performance.now() - sentAt < DOUBLE_CLICK_MILLISECONDS) return;
  if (showWrong()) return;
  showSending(true);
  setStatus("sending");
  try {
    await loadRules(); // Does nothing if it succeeded when the page loaded.
    if (showWrong()) return;
    const response = await fetch(config.leads_url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(lead()),
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    await finish(response);
  } catch {
    setStatus("unreachable", "failed");
    status.focus();
  } finally {
    showSending(false);
  }
}

async function finish(response) {
  if (response.status === 202) {
    const { id } = await response.json();
    sentAt = performance.now();
    form.reset();
    touched.clear();
    rejected.clear();
    FIELDS.forEach(showProblem);
    writeStorage(ofThisTab, DRAFT, null);
    setStatus("done", "done", id);
  } else if (response.status === 400) {
    const { fields } = await response.json();
    for (const name of FIELDS) if (name in fields) rejected.set(name, normalized(name));
    if (showWrong()) return;
    setStatus("refused", "failed");
  } else if (response.status === 413) {
    setStatus("refused", "failed");
  } else {
    setStatus(response.status === 429 ? "busy" : "unreachable", "failed");
  }
  status.focus();
}

// --- start ---------------------------------------------------------------------------------------

for (const name of FIELDS) {
  const input = form.elements[name];
  // Show no error in a field before the user leaves it.
  input.addEventListener("input", () => showProblem(name));
  input.addEventListener("blur", () => {
    if (input.value !== "") touched.add(name);
    if (!pressing) showProblem(name);
  });
}
// An error message shown during a press would move the button away from the pointer, so wait.
document.addEventListener("pointerdown", () => { pressing = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressing = false;
    setTimeout(() => FIELDS.forEach(showProblem)); // Run after the click event.
  }, true);
}
form.addEventListener("input", () => {
  writeStorage(ofThisTab, DRAFT, JSON.stringify(Object.fromEntries(new FormData(form))));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
for (const element of document.querySelectorAll("[data-language]")) {
  element.addEventListener("click", () => {
    showLanguage(element.dataset.language);
    writeStorage(ofThisBrowser, LANGUAGE, element.dataset.language);
  });
}

function draft() {
  try {
    return JSON.parse(readStorage(ofThisTab, DRAFT) ?? "{}");
  } catch {
    return {}; // Another page of this origin wrote it.
  }
}

const saved = draft();
for (const name of FIELDS) form.elements[name].value = saved[name] ?? "";
form.elements.wantsBenefit.checked = "wantsBenefit" in saved;
const preferred = readStorage(ofThisBrowser, LANGUAGE) ?? navigator.language.slice(0, 2);
showLanguage(preferred in texts ? preferred : "en");
await loadRules().catch(() => {}); // send() tries again.
button.disabled = false;
document.documentElement.dataset.ready = "yes";
