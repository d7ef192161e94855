// The page of one job.

import { $, ago, ask, brief, figures, heard, icon, look, make, moment, now, Problem, say, show, signs, span, state, text, told } from "./common.js";
import { follow } from "./follow.js";

const id = decodeURIComponent(location.pathname.split("/").pop());
text($("id"), id);
document.title = `${id} · statusd`;

let record; // undefined: there is none
let asked = false; // whether that is known
let link = "connecting";

const url = new URL(`../status/${encodeURIComponent(id)}`, location.href).href;

follow(url, {
  record: learn,
  link(how, problem) {
    link = how;
    const away = how === "away";
    show($("banner"), away);
    if (away) {
      const what = problem.status === 0 ? "Disconnected. " : "";
      text($("banner"), `${what}${problem.message} Trying again${asked ? "; below is what was known last" : ""}.`);
    }
    document.body.classList.toggle("away", away);
    text($("link"), { live: "live", hidden: "paused", over: "over", away: "disconnected" }[how]);
    $("link").dataset.link = how;
    title();
  },
});

setInterval(tick, 1000);

function learn(found) {
  const before = asked ? saying(record) : undefined;
  record = found;
  asked = true;
  render();
  if (saying(record) !== before) text($("said"), saying(record));
}

// saying is what a screen reader is told when it changes.
function saying(r) {
  if (!r) return `${id}: no report yet`;
  const silent = r.liveness && r.liveness !== "live" ? `, ${r.liveness}` : "";
  return `${id}: ${told[state(r)]}, attempt ${r.attempt}${silent}${wanted(r) ? ", asked to stop" : ""}`;
}

// wanted tells whether somebody has asked the job to stop, unless it ended
// otherwise.
const wanted = (r) => r.cancel_requested_at && (!r.terminal || state(r) === "cancelled");

function title() {
  const percent = record && !record.terminal ? figures(record).percent : "";
  const sign = link === "away" ? "⚠" : signs[look(record)];
  const words = [sign, percent, id].filter(Boolean).join(" ");
  if (document.title !== words) document.title = words;
  icon(look(record));
}

function render() {
  title();
  $("job").dataset.look = look(record);
  const r = record;
  text($("verdict"), !r ? "Waiting for the first report" : told[state(r)]);
  say($("facts"), r?.owner && `owner ${r.owner}`, r?.attempt > 1 && `attempt ${r.attempt}`,
    r?.report_every && `reports every ${brief(1000 * r.report_every)}`);

  const { percent, count, value } = figures(r);
  show($("progress"), Boolean(percent || count));
  text($("percent"), percent);
  text($("count"), count);
  show($("meter"), value !== null);
  $("meter").max = 100;
  $("meter").value = value ?? 0;
  $("meter").setAttribute("aria-valuetext", [percent, count].filter(Boolean).join(", "));

  show($("message"), Boolean(r?.message));
  text($("message"), r?.message ?? "");

  show($("asked"), Boolean(r && wanted(r)));
  show($("stop"), Boolean(r && !r.terminal && !r.cancel_requested_at));
  if ($("stop").hidden) $("stop").open = false;
  if (!$("stop").open) unasked("");

  const e = r?.error;
  show($("error"), Boolean(e));
  say($("errorTitle"), e?.code || "Error", e?.exit_code !== undefined && `exit code ${e?.exit_code}`);
  show($("errorMessage"), Boolean(e?.message));
  text($("errorMessage"), e?.message ?? "");

  const pairs = Object.entries(r?.metadata ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  show($("metadata"), pairs.length > 0);
  $("pairs").replaceChildren(...pairs.flatMap(([key, value]) => {
    const dd = make("dd");
    dd.append(linked(value));
    return [make("dt", "", key), dd];
  }));

  const history = r?.history ?? [];
  show($("attempts"), history.length > 0);
  const current = history.filter((h) => h.attempt === r.attempt);
  $("now").replaceChildren(...current.map(entry));
  const earlier = [...new Set(history.map((h) => h.attempt))].filter((a) => a !== r.attempt).sort((a, b) => b - a);
  show($("earlier"), earlier.length > 0);
  text($("earlierTitle"), earlier.length === 1 ? "1 earlier attempt" : `${earlier.length} earlier attempts`);
  $("earlierList").replaceChildren(...earlier.flatMap((attempt) => {
    const list = make("ol", "entries");
    list.append(...history.filter((h) => h.attempt === attempt).map(entry));
    return [make("h3", "", `Attempt ${attempt}`), list];
  }));
  tick();
}

function entry(h) {
  const item = make("li");
  const when = make("time", "", moment(h.timestamp));
  when.dateTime = h.timestamp;
  const what = make("b", `of-${state(h)}`, told[state(h)]);
  item.append(when, what);
  const e = h.error;
  const why = make("span");
  say(why, e?.code, e?.exit_code !== undefined && `exit code ${e?.exit_code}`, e?.message, h.message);
  if (why.firstChild) item.append(why);
  return item;
}

// linked is a text, as a link if it is one of the web.
function linked(value) {
  if (/^https?:\/\/\S+$/i.test(value) && URL.canParse(value)) {
    const a = make("a", "", value);
    a.href = value;
    a.rel = "noopener noreferrer";
    a.target = "_blank";
    return a;
  }
  return document.createTextNode(value);
}

// tick says anew what changes with time alone.
function tick() {
  const r = record;
  const leading = { live: "updated ", late: "updated ", stalled: "stalled: " }[r?.liveness] ?? "";
  text($("heard"), r ? leading + heard(r) : asked ? "This page comes alive with it." : "");
  say($("asked"), r?.cancel_requested_at && `Asked to stop ${ago(r.cancel_requested_at)}`, r?.cancel_reason);
  track(r);
  const eta = r?.eta && !r.terminal && r.liveness === "live" ? Date.parse(r.eta) - now() : 0;
  text($("eta"), eta > 0 ? `about ${brief(eta)} left, until ${moment(r.eta)}` : "");
}

// track is the three stages: the time that was spent in each, and the one in
// which the job is.
function track(r) {
  const entries = (r?.history ?? []).filter((h) => h.attempt === r.attempt);
  const entered = (...statuses) => entries.find((h) => statuses.includes(h.status))?.timestamp;
  const times = [entered("started"), entered("in-progress"), entered("success", "fail")];
  const at = !r ? -1 : { started: 0, "in-progress": 1 }[r.status] ?? 2;
  [...$("track").children].forEach((stage, i) => {
    const [name, spent, when] = stage.children;
    stage.className = at < 0 || i > at ? "ahead" : i < at ? (times[i] ? "done" : "skipped") : i === 2 ? state(r) : "here";
    if (i === at) stage.setAttribute("aria-current", "step");
    else stage.removeAttribute("aria-current");
    if (i === 2) text(name, r?.terminal ? told[state(r)] : "Finished");
    const until = times.slice(i + 1).find(Boolean) ?? (r?.terminal ? undefined : now());
    const total = Date.parse(times[2]) - Date.parse(times[0] ?? times[1]);
    text(spent, i === 2 ? (total >= 0 ? `in ${brief(total)}` : "") : times[i] && until ? brief(new Date(until) - Date.parse(times[i])) : "");
    text(when, times[i] ? moment(times[i]) : "");
    if (times[i]) when.dateTime = times[i];
  });
}

// Asking the job to stop. It is the attempt that was on the page when the form
// was opened, and no later one.
let attempt;

$("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  text($("askNow"), "Asking …");
  try {
    const { body } = await ask(`${url}/cancel`, { form: { attempt, reason: $("reason").value.trim() } });
    if (!body) throw new Problem("There is no such job any more.");
    if (body.version > record?.version) learn(body);
    $("reason").value = "";
    $("asked").focus(); // the form is gone
  } catch (problem) {
    unasked({
      terminal: "It is over already.",
      superseded: `Attempt ${attempt} is over, and a later one has begun. Ask again to stop that one.`,
    }[problem.code] ?? problem.message);
  }
  text($("askNow"), "Ask it to stop");
});

// unasked says why the job was not asked; from now on it is about the attempt
// that is on the page.
function unasked(why) {
  attempt = record?.attempt;
  show($("unasked"), why !== "");
  text($("unasked"), why);
}
