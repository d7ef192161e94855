// The page of all jobs.

import { $, ask, backoff, figures, heard, icon, jitter, look, make, pause, show, signs, state, text, told } from "./common.js";
import { refused, signedIn, signIn } from "./session.js";

const every = 5000; // between two looks
const rowsOfAPage = 100;
const running = ["started", "in-progress"];
const ended = ["success", "fail"];

// What is shown is what the address says: status, owner, liveness, request_id;
// and, beyond the first page, a cursor in the list of running or ended jobs.
let filter = new URLSearchParams(location.search);
let shown = new AbortController(); // aborted when the filter changes
let jobs = [];

fill();
refresh();
setInterval(() => jobs.forEach(age), 1000);

$("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  const chosen = new URLSearchParams();
  for (const [name, value] of new FormData($("filters"))) {
    if (value.trim()) chosen.append(name, value.trim());
  }
  go(chosen);
});
$("filters").addEventListener("change", (event) => {
  if (event.target.matches("[type=checkbox], select")) $("filters").requestSubmit();
});
document.addEventListener("click", (event) => {
  const a = event.target.closest("a");
  const plain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!a || !plain || new URL(a.href).pathname !== location.pathname) return;
  event.preventDefault();
  go(new URL(a.href).searchParams);
});
addEventListener("popstate", () => {
  filter = new URLSearchParams(location.search);
  fill();
  shown.abort();
});

// go shows what another address says.
function go(chosen) {
  const query = chosen.toString();
  history.pushState(null, "", query ? `?${query}` : location.pathname);
  filter = chosen;
  fill();
  shown.abort();
}

// fill has the form say what the address says.
function fill() {
  for (const box of $("filters").elements.status) box.checked = filter.getAll("status").includes(box.value);
  for (const name of ["liveness", "owner", "request_id"]) $("filters").elements[name].value = filter.getAll(name).join(" ");
}

// refresh keeps the page as the service has it; slowly while nobody looks, for
// the sake of the tab's title.
async function refresh() {
  let failures = 0;
  for (;;) {
    if (shown.signal.aborted) shown = new AbortController();
    const { signal } = shown;
    let wait = jitter(every);
    const began = performance.now();
    try {
      const page = await load(signal);
      failures = 0;
      signedIn();
      connected();
      render(page);
      wait += 10 * (performance.now() - began); // a service that is slow is asked less
    } catch (problem) {
      if (signal.aborted) continue;
      if (refused(problem)) {
        await signIn(problem);
        continue;
      }
      if (problem.status) signedIn(); // it is no refusal
      failures++;
      disconnected(problem);
      wait = problem.status >= 400 && problem.status < 500 ? 30000 : backoff(failures);
    }
    await pause(document.hidden ? jitter(30000) : wait, signal);
  }
}

// load gets one page: running jobs first, then those that are over.
async function load(signal) {
  const list = (parameters) => ask(`status?${parameters}`, { signal }).then((answer) => answer.body);
  const named = filter.getAll("request_id").flatMap((ids) => ids.split(/[\s,]+/)).filter(Boolean);
  if (named.length > 0) {
    const [{ items, not_found: missing }, { running }] = await Promise.all([
      list(new URLSearchParams(named.map((id) => ["request_id", id]))),
      list(new URLSearchParams({ counts: "running", limit: 1 })).catch((problem) => {
        if (problem.status === 403) return {}; // of one's own jobs one may know nevertheless
        throw problem;
      }),
    ]);
    return { items, missing, running };
  }
  const chosen = filter.getAll("status");
  const phases = [running, ended].map((some) => some.filter((s) => chosen.length === 0 || chosen.includes(s)));
  if (filter.get("liveness")) phases[1] = [];
  const page = { items: [], next: undefined, running: undefined };
  let phase = filter.get("phase") === "ended" ? 1 : 0;
  let cursor = filter.get("cursor");
  for (; phase < 2; phase++, cursor = null) {
    if (phases[phase].length === 0) continue;
    const query = new URLSearchParams(phases[phase].map((s) => ["status", s]));
    for (const name of ["owner", "liveness"]) if (filter.get(name)) query.set(name, filter.get(name));
    query.set("limit", rowsOfAPage - page.items.length);
    if (cursor) query.set("cursor", cursor);
    if (!page.running) query.set("counts", "running");
    const part = await list(query);
    page.items.push(...part.items);
    page.running ??= part.running;
    if (part.next_cursor || (phase === 0 && page.items.length >= rowsOfAPage)) {
      page.next = part.next_cursor ? { phase: phase ? "ended" : "running", cursor: part.next_cursor } : { phase: "ended" };
      break;
    }
  }
  page.running ??= (await list(new URLSearchParams({ counts: "running", limit: 1 }))).running;
  return page;
}

function connected() {
  show($("banner"), false);
  document.body.classList.remove("away");
  text($("link"), "live");
  $("link").dataset.link = "live";
}

function disconnected(problem) {
  show($("banner"), true);
  if (problem.status === 403) { // there is something else to ask for
    connected();
    show($("banner"), true);
    text($("banner"), problem.message);
    for (const part of ["jobs", "empty", "nothing", "first", "next"]) show($(part), false);
    count(undefined);
    return;
  }
  text($("banner"), `${problem.status ? "" : "Disconnected. "}${problem.message} Trying again.`);
  document.body.classList.add("away");
  text($("link"), "disconnected");
  $("link").dataset.link = "away";
}

function render(page) {
  count(page.running);
  rows(page.items);
  const all = filter.size === 0;
  show($("jobs"), page.items.length > 0);
  show($("empty"), all && page.items.length === 0 && !page.next);
  text($("command"), `curl -d status=started ${new URL("status/my-first-job", location.href).href}`);
  const missing = page.missing?.length ? `There is no job ${page.missing.join(", ")}.` : "";
  const none = page.items.length > 0 || all || missing ? "" : page.next ? "None on this page; there are older ones." : "No job is like that.";
  show($("nothing"), Boolean(missing || none));
  text($("nothing"), missing || none);
  const with_ = (more) => {
    const next = new URLSearchParams(filter);
    next.delete("cursor");
    next.delete("phase");
    for (const [name, value] of Object.entries(more)) next.set(name, value);
    return `?${next}`;
  };
  show($("next"), Boolean(page.next));
  if (page.next) $("next").href = with_(page.next);
  show($("first"), filter.has("cursor") || filter.has("phase"));
  $("first").href = with_({});
}

// count tells how many jobs run, by liveness.
function count(running) {
  show($("counts"), Boolean(running));
  if (!running) return;
  const names = ["live", "stalled", "late", "stale"];
  if ($("counts").children.length === 0) {
    $("counts").append(...names.map((name) => {
      const a = make("a", `of-${name === "live" ? "running" : name}`);
      a.href = `?liveness=${name}`;
      a.append(make("strong"), ` ${name}`);
      return a;
    }));
  }
  [...$("counts").children].forEach((a, i) => {
    const n = running[names[i]];
    text(a.firstChild, running.more && n > 0 ? `${n}+` : String(n));
    if (filter.get("liveness") === names[i]) a.setAttribute("aria-current", "true");
    else a.removeAttribute("aria-current");
  });
  const { live, stalled, late, stale } = running;
  icon(stale ? "stale" : late ? "late" : stalled ? "stalled" : "board");
  const alive = `${live + stalled + late + stale}${running.more ? "+" : ""}`;
  const troubled = [late + stale && `${signs.late} ${late + stale} silent, `, stalled && `${signs.stalled} ${stalled} stalled, `];
  document.title = `${troubled.filter(Boolean).join("")}${alive} running · statusd`;
  const saying = `${alive} jobs running, ${stalled} stalled, ${late} late, ${stale} stale`;
  if ($("said").textContent !== saying) text($("said"), saying);
}

// rows puts the jobs into the table. A row that is there already stays, and
// with it the focus.
function rows(items) {
  const before = new Map(jobs.map((job) => [job.record.request_id, job]));
  jobs = items.map((record) => {
    const job = before.get(record.request_id) ?? { row: blank() };
    job.record = record;
    write(job);
    return job;
  });
  jobs.forEach(({ row }, i) => {
    const there = $("rows").children[i];
    if (there !== row) $("rows").insertBefore(row, there ?? null);
  });
  while ($("rows").children.length > jobs.length) $("rows").lastChild.remove();
}

function blank() {
  const row = make("tr");
  const name = make("th");
  name.scope = "row";
  name.append(make("a"));
  const status = make("td");
  status.append(make("span", "pill"), make("small"));
  const progress = make("td");
  const meter = make("progress");
  meter.max = 100;
  progress.append(meter, make("span"));
  const message = make("td", "message");
  message.append(make("span"));
  row.append(name, status, progress, make("td", "quiet"), make("td"), message);
  // On a small screen the rows are cards, but they stay a table for those who
  // can't see them.
  row.role = "row";
  for (const cell of row.cells) cell.role = cell === name ? "rowheader" : "cell";
  return row;
}

function write(job) {
  const { row, record: r } = job;
  const [name, status, progress, , owner, message] = row.children;
  row.dataset.look = look(r);
  text(name.firstChild, r.request_id);
  name.firstChild.href = `jobs/${encodeURIComponent(r.request_id)}`;
  const silent = r.liveness && r.liveness !== "live" ? `, ${r.liveness}` : "";
  text(status.firstChild, `${signs[look(r)]} ${told[state(r)]}${silent}`);
  text(status.lastChild, r.cancel_requested_at && !r.terminal ? "asked to stop" : "");
  const { percent, count, value } = figures(r);
  show(progress.firstChild, value !== null && !r.terminal);
  progress.firstChild.value = value ?? 0;
  progress.firstChild.setAttribute("aria-label", `Progress of ${r.request_id}`);
  text(progress.lastChild, [percent, count].filter(Boolean).join(" · "));
  text(owner, r.owner ?? "");
  text(message.firstChild, r.terminal && r.error ? [r.error.code, r.error.message].filter(Boolean).join(": ") : r.message ?? "");
  age(job);
}

function age({ row, record }) {
  text(row.children[3], heard(record));
}

$("copy").addEventListener("click", async () => {
  getSelection().selectAllChildren($("command"));
  try {
    await navigator.clipboard.writeText($("command").textContent);
    text($("copy"), "Copied");
  } catch { // not over plain http: it is selected
    text($("copy"), document.execCommand("copy") ? "Copied" : "Press Ctrl+C");
  }
  setTimeout(() => text($("copy"), "Copy"), 3000);
});
