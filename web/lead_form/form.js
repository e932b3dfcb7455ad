// Checks a lead as it is typed, by the same rules as the functions behind it, and sends it once.
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
let message = null; // What the status says: a text's name, its class, what goes into it.
const touched = new Set();
const refused = new Map(); // Values that the API took for wrong, by field.

// --- storage: a browser may forbid it, and the page works without --------------------------------

function recall(storage, key) {
  try {
    return storage()[key];
  } catch {
    return undefined;
  }
}

function keep(storage, key, value) {
  try {
    if (value === null) storage().removeItem(key);
    else storage().setItem(key, value);
  } catch {
    // What was typed is still in the fields.
  }
}

const ofThisTab = () => sessionStorage;
const ofThisBrowser = () => localStorage;

// --- the rules, which stand once, in lead.schema.json --------------------------------------------

let schema = null;
let config = null;

async function load(file) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file}: ${answer.status}`);
  return answer.json();
}

async function learn() {
  schema ??= await load("lead.schema.json");
  config ??= await load("config.json");
}

// The form in which the functions check a value.
function written(name) {
  const value = form.elements[name].value.normalize("NFC").trim();
  if (name === "rut") return value.replaceAll(".", "").toUpperCase();
  if (name === "phone") return value.replace(/[ \-.()]/g, "");
  return value;
}

function problem(name) {
  const { errors } = texts[language];
  const value = written(name);
  if (value === "") return errors.missing;
  if (refused.get(name) === value) return errors[name] ?? errors.missing;
  const rule = schema?.properties[name] ?? {};
  const options = rule.oneOf?.filter((option) => option.type === "string") ?? [rule];
  if (rule.maxLength && [...value].length > rule.maxLength) return errors.long(rule.maxLength);
  const fits = options.some((option) => !option.pattern || new RegExp(option.pattern, "u").test(value));
  return fits ? "" : (errors[name] ?? errors.missing);
}

function lead() {
  const values = Object.fromEntries(FIELDS.map((name) => [name, written(name)]));
  return { ...values, wantsBenefit: form.elements.wantsBenefit.checked, origin: "web" };
}

// --- what is shown -------------------------------------------------------------------------------

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

function say(name, kind = "", value = "") {
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

// Shows which fields are wrong, goes to the first, and tells whether there is any.
function showWrong() {
  FIELDS.forEach((name) => touched.add(name));
  const wrong = FIELDS.filter((name) => !showProblem(name));
  if (wrong.length === 0) return false;
  say("correct", "failed");
  form.elements[wrong[0]].focus();
  return true;
}

// --- sending -------------------------------------------------------------------------------------

function showSending(now) {
  sending = now;
  // Not `disabled`: a button that is, loses the focus of who works with the keyboard.
  button.setAttribute("aria-disabled", String(now));
}

async function send() {
  // The second click of two may come after the answer to the first.
  if (sending || performance.now() - sentAt < DOUBLE_CLICK_MILLISECONDS) return;
  if (showWrong()) return;
  showSending(true);
  say("sending");
  try {
    await learn(); // Unless that was possible when the page began.
    if (showWrong()) return;
    const answer = await fetch(config.leads_url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(lead()),
      signal: AbortSignal.timeout(SECONDS * 1000),
    });
    await finish(answer);
  } catch {
    say("unreachable", "failed");
    status.focus();
  } finally {
    showSending(false);
  }
}

async function finish(answer) {
  if (answer.status === 202) {
    const { id } = await answer.json();
    sentAt = performance.now();
    form.reset();
    touched.clear();
    refused.clear();
    FIELDS.forEach(showProblem);
    keep(ofThisTab, DRAFT, null);
    say("done", "done", id);
  } else if (answer.status === 400) {
    const { fields } = await answer.json();
    for (const name of FIELDS) if (name in fields) refused.set(name, written(name));
    if (showWrong()) return;
    say("refused", "failed");
  } else if (answer.status === 413) {
    say("refused", "failed");
  } else {
    say(answer.status === 429 ? "busy" : "unreachable", "failed");
  }
  status.focus();
}

// --- begin ---------------------------------------------------------------------------------------

for (const name of FIELDS) {
  const input = form.elements[name];
  // As one types, but nobody is told of an error in a field that was not left yet.
  input.addEventListener("input", () => showProblem(name));
  input.addEventListener("blur", () => {
    if (input.value !== "") touched.add(name);
    if (!pressing) showProblem(name);
  });
}
// An error that appears below the finger would move the button away from it: it waits for the end.
document.addEventListener("pointerdown", () => { pressing = true; }, true);
for (const end of ["pointerup", "pointercancel"]) {
  document.addEventListener(end, () => {
    pressing = false;
    setTimeout(() => FIELDS.forEach(showProblem)); // After the click that follows.
  }, true);
}
form.addEventListener("input", () => {
  keep(ofThisTab, DRAFT, JSON.stringify(Object.fromEntries(new FormData(form))));
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
for (const element of document.querySelectorAll("[data-language]")) {
  element.addEventListener("click", () => {
    showLanguage(element.dataset.language);
    keep(ofThisBrowser, LANGUAGE, element.dataset.language);
  });
}

function draft() {
  try {
    return JSON.parse(recall(ofThisTab, DRAFT) ?? "{}");
  } catch {
    return {}; // Not ours.
  }
}

const kept = draft();
for (const name of FIELDS) form.elements[name].value = kept[name] ?? "";
form.elements.wantsBenefit.checked = "wantsBenefit" in kept;
const preferred = recall(ofThisBrowser, LANGUAGE) ?? navigator.language.slice(0, 2);
showLanguage(preferred in texts ? preferred : "en");
await learn().catch(() => {}); // It is tried again before anything is sent.
button.disabled = false;
document.documentElement.dataset.ready = "yes";
