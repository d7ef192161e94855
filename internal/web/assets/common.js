// What both pages need: asking the service, and saying what it answers in words.

import { credentials } from "./session.js";

const assets = new URL(".", import.meta.url).href;

export const $ = (id) => document.getElementById(id);

// text changes an element only if it says something else: screen readers and
// selections stay undisturbed.
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export function make(tag, className, content) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (content !== undefined) element.textContent = content;
  return element;
}

// The service's clock: that of this machine may be wrong.
let ahead = 0;
export const now = () => Date.now() + ahead;

// Problem is an answer that is none, in the service's words if it has any.
export class Problem extends Error {
  constructor(message, status = 0, retryAfter = 0, code = "") {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
    this.code = code;
  }
}

// ask gets JSON, or posts a form for it: {status, body, etag}; the body is
// undefined with 304 and 404.
export async function ask(url, { etag, form, signal, patience = 15000 } = {}) {
  const sent = Date.now();
  const signals = [AbortSignal.timeout(patience)];
  if (signal) signals.push(signal);
  let response, body;
  try {
    response = await fetch(url, {
      ...(form && { method: "POST", body: new URLSearchParams(form) }),
      headers: { Accept: "application/json", ...(etag && { "If-None-Match": etag }), ...credentials() },
      cache: "no-store",
      signal: AbortSignal.any(signals),
    });
    if (response.status !== 304) body = await response.json();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new Problem(response ? "It does not answer as statusd does." : "It can't be reached.", response?.status);
  }
  const date = Date.parse(response.headers.get("Date"));
  if (date && Date.now() - sent < 2000) {
    const off = date + 500 - Date.now(); // Date has no fractions
    if (Math.abs(off - ahead) > 1500) ahead = Math.abs(off) > 1500 ? off : 0;
  }
  if (response.status === 404 && body?.code === "not_found") body = undefined;
  else if (!response.ok && response.status !== 304) {
    const fields = (body?.errors ?? []).map((e) => `${e.field} ${e.message}.`);
    throw new Problem([body?.title ?? `It answers ${response.status}.`, body?.detail, ...fields].filter(Boolean).join(" "),
      response.status, Number(response.headers.get("Retry-After")), body?.code);
  }
  return { status: response.status, body, etag: response.headers.get("ETag") };
}

// pause ends after that many milliseconds, or with the signal; or early, when
// the page is looked at again, or the network is back.
export function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", done);
      removeEventListener("online", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    document.addEventListener("visibilitychange", done);
    addEventListener("online", done);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) done();
  });
}

// jitter spreads what many pages would do at once.
export const jitter = (ms) => ms * (0.75 + Math.random() / 2);

// backoff is how long to wait after so many failures in a row.
export const backoff = (failures) => jitter(Math.min(1000 * 2 ** (failures - 1), 30000));

const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

// span says a time span in words, in its largest unit: "12 minutes".
export function span(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  for (const [name, size] of units) {
    if (seconds >= size || size === 1) {
      const n = Math.floor(seconds / size);
      return `${n} ${name}${n === 1 ? "" : "s"}`;
    }
  }
}

// brief says it short, in its two largest units: "1 h 12 min".
export function brief(ms) {
  let seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [];
  for (const [name, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    const n = Math.floor(seconds / size);
    if (n > 0 || (size === 1 && parts.length === 0)) parts.push(`${n} ${name}`);
    seconds %= size;
  }
  return parts.slice(0, 2).join(" ");
}

// moment says when something was, with the day unless it is today.
export function moment(time) {
  const then = new Date(time);
  const sameDay = then.toDateString() === new Date(now()).toDateString();
  return then.toLocaleString([], sameDay ? { timeStyle: "medium" } : { dateStyle: "medium", timeStyle: "short" });
}

// look is how a record is shown, by colour, sign and icon.
export function look(record) {
  if (!record) return "waiting";
  if (record.terminal) return state(record);
  return record.liveness === "live" ? "running" : record.liveness;
}

export const signs = { waiting: "…", running: "▶", stalled: "‖", late: "!", stale: "?", success: "✓", fail: "✕", cancelled: "■" };

// state is the status of a record, or of an entry in its history; what ended
// because somebody wanted it to is told from what failed.
export const state = (of) => (of.status === "fail" && of.error?.code === "cancelled" ? "cancelled" : of.status);

// told names the states for people.
export const told = { started: "Started", "in-progress": "In progress", success: "Success", fail: "Failed", cancelled: "Cancelled" };

export const icon = (name) => {
  const href = `${assets}icon-${name}.svg`;
  if ($("icon").href !== href) $("icon").href = href;
};

const number = (n) => n.toLocaleString("en", { maximumFractionDigits: 3, useGrouping: n >= 10000 });

// figures says what a record's progress is: its percent, and its count.
export function figures(record) {
  const p = record?.progress;
  if (!p) return { percent: "", count: "", value: null };
  const percent = p.percent === undefined ? "" : `${Math.floor(p.percent)}%`;
  const unit = p.unit && p.unit !== "%" ? ` ${p.unit}` : "";
  const count = p.unit === "%" ? "" : p.total === undefined ? number(p.current) + unit : `${number(p.current)} of ${number(p.total)}${unit}`;
  return { percent, count, value: p.percent === undefined ? null : p.percent };
}

const since = (time) => now() - Date.parse(time);

export const ago = (time) => (since(time) < 2000 ? "just now" : `${span(since(time))} ago`);

// heard says how fresh a record is: silence, and standing still, in words, once
// it is long.
export function heard(record) {
  if (record.liveness === "stale") return `no report for ${span(since(record.updated_at))}`;
  if (record.liveness === "stalled") return `no progress for ${span(since(record.progress.advanced_at))}`;
  return ago(record.terminal ? record.timestamp : record.updated_at);
}

// say writes parts side by side; none can turn the direction of the next.
export function say(element, ...parts) {
  const said = parts.filter(Boolean);
  if (element.textContent === said.join(" · ")) return;
  element.replaceChildren(...said.flatMap((part, i) => [...(i ? [" · "] : []), make("bdi", "", part)]));
}
